/**
 * The card of a trained detector, as Hugging Face shows one: Markdown behind a header of metadata.
 *
 * @module
 */
import { stringify } from "yaml";
import { printable } from "../base/printable.ts";
import { parseSpec } from "../data/spec.ts";
import { detectorKind, detectorNamed, isFitted } from "../model/detectors/mod.ts";
import { benchLicence, clipLicence, dataLicence, type Licence } from "./licences.ts";
import { cardMetadata, clipModelOf } from "./model_card_metadata.ts";
import {
  byLevel,
  estimate,
  type EvaluationResult,
  type GroupResult,
  meanAndSd,
  type ScoreReport,
  testName,
} from "./report.ts";
import { escapeMarkdown, type Table, tableMarkdown } from "./table.ts";
import { type Column, decimals, tableOf } from "./tables/column.ts";
import { dataTable } from "./tables/data.ts";
import { tables } from "./tables/mod.ts";

/** Settings of the training that a reader needs; paths of the machine are not among them. */
const trainingKeys = [
  ...["preset", "seed", "runs", "loss", "labelSmoothing", "epochs", "batchSize", "accumulate", "optimizer"],
  ...["learningRate", "weightDecay", "clipGradients", "schedule", "warmup", "balance", "augment"],
  ...["augmentShare", "select", "selectBy", "patience", "activation", "attendAcross", "fit"],
];

/** Those that change what is fitted at once. */
const fittedKeys = ["preset", "balance", "activation", "attendAcross", "fit"];

/**
 * The text of MODEL_CARD.md.
 *
 * Its numbers are the report's, in the digits of its tables, and in the header in full. What it says of limits is made from them.
 */
export function modelCard(report: ScoreReport): string {
  const header = stringify(cardMetadata(report), {
    version: "1.1", // the readers of both versions agree on what is quoted
    defaultStringType: "QUOTE_DOUBLE",
    defaultKeyType: "PLAIN",
    lineWidth: 0,
  });
  const demo = "DEMO: trained and tested on procedural faces. It says nothing about real faces.";
  const parts = [
    `# ${escapeMarkdown(report.name)}`,
    ...(report.demo ? [`> **${demo}**`] : []),
    "## What it is",
    aboutOf(report),
    "## Data",
    tableMarkdown(dataTable(report)),
    "## Training",
    trainingOf(report),
    "## Results",
    ...resultTables(report).map(tableMarkdown),
    "## Limits",
    list(limitsOf(report)),
    "## Thresholds",
    thresholdsOf(report),
    "## What it must not be used for",
    list(misuses),
    "## Licences",
    licencesOf(report),
  ];
  return `---\n${header}---\n\n${parts.map((part) => part.trimEnd()).join("\n\n")}\n`;
}

function aboutOf({ head, encoder, steps, backend, createdAt, preset }: ScoreReport): string {
  const facts = [
    ["Detector", head],
    ["Frozen encoder, and its precision", encoder],
    ["Trained in", steps],
    ["Preset", preset],
    ["Computed on", backend && `${backend.name} ${backend.version}, ${backend.device}`],
    ["Report made", createdAt],
  ].flatMap(([name, text]) => (text ? [`${name}: ${escapeMarkdown(text)}`] : []));
  return `A detector of manipulated faces: it gives an image a score in \\[0, 1\\], higher for fake. The weights are in \`model.safetensors\` beside this card, and \`deno task evaluate FOLDER --test NAME=REAL,FAKE\` of the ForgeLens bench tests them.\n\n${
    list(facts)
  }`;
}

function trainingOf({ config, data, head, history, demo }: ScoreReport): string {
  const detector = detectorNamed(head);
  const own = detector === undefined ? [] : Object.keys(detectorKind(detector).settings.shape);
  const settings = [...isFitted(head) ? fittedKeys : trainingKeys, ...own].flatMap((key) => {
    const value = config[key];
    const isEmpty = value === undefined || (Array.isArray(value) && value.length === 0);
    if (isEmpty || (key === "augmentShare" && !(config.augment as readonly string[])?.length)) return [];
    return [`\`${key}\`: ${escapeMarkdown(Array.isArray(value) ? value.join(", ") : String(value))}`];
  });
  const epochs = tables.history({ history, demo });
  return [
    list([...mixOf({ config, data }), ...settings]),
    ...(history.length > 0 ? [tableMarkdown(epochs)] : []),
  ].join(
    "\n\n",
  );
}

/** How several training sets were mixed; nothing of one. */
function mixOf({ config: { also }, data }: Pick<ScoreReport, "config" | "data">): string[] {
  if (!Array.isArray(also) || also.length === 0) return [];
  const first = data.find(({ split }) => split === "train")?.set;
  const further = also.map((text) => parseSpec(`${text}`, { flag: "--also", weighted: true }));
  const weights = further.map((spec) => `${spec.name} ${spec.kind === "layout" ? spec.weight ?? 1 : 1}`);
  const mixed = and.format([`${first} 1`, ...weights].map(escapeMarkdown));
  return [`Trained on several sets at once, how often the images of each were drawn: ${mixed}`];
}

/** The report's own tables, but for those that stand elsewhere on the card. */
function resultTables(report: ScoreReport): Table[] {
  const { data: _data, history: _history, ...others } = tables;
  return Object.values(others).flatMap((make) => {
    const table = make(report);
    return table && table.rows.length > 0 ? [table] : [];
  });
}

/** What was measured of its limits. */
function limitsOf({ head, results, history, warnings, demo }: ScoreReport): string[] {
  const plain = results.filter(({ perturbation }) => perturbation === "none");
  const within = plain.filter(({ kind }) => kind === "within").map(aucOn);
  const cross = plain.filter(({ kind }) => kind === "cross").map(aucOn);
  const lowest = results.filter(({ kind }) => kind === "perturbed")
    .toSorted((a, b) => (aucOf(a) ?? Infinity) - (aucOf(b) ?? Infinity)).slice(0, 1);
  const seeds = new Set(history.map(({ run }) => run)).size;
  const compared = within.length > 0 ? `; within its own it is ${and.format(within)}` : "";
  return [
    ...(demo ? ["The data are drawn, not filmed: no number here says anything about real faces."] : []),
    ...plain.flatMap((result) => worstOf(result, { groups: result.methods, what: "method" })),
    ...plain.flatMap((result) => worstOf(result, { groups: result.origins, what: "origin of reals" })),
    cross.length > 0
      ? `On data sets that it was not trained on its AUC is ${and.format(cross)}${compared}.`
      : "It was tested on no other data set: what it does there is not known, and is as a rule much worse.",
    ...lowest.map((result) => `Its lowest AUC on changed images is ${aucOn(result)}.`),
    ...(seeds > 1 || isFitted(head)
      ? []
      : ["One training seed: how far the numbers move with another is not known."]),
    ...warnings.map((warning) => `Warning: ${escapeMarkdown(warning)}`),
    "AUC is of videos where a test has videos. Of groups that no table above names, such as age or skin tone of persons, nothing is known.",
  ];
}

function worstOf(
  result: EvaluationResult,
  { groups = [], what }: { readonly groups?: readonly GroupResult[]; readonly what: string },
): string[] {
  const measured = groups.flatMap(({ name, metrics, runs = [] }) => {
    const auc = meanAndSd((runs.length > 0 ? runs : [metrics]).map(({ auc }) => auc));
    return auc ? [{ name, auc: auc.mean }] : [];
  });
  const [worst] = measured.toSorted((a, b) => a.auc - b.auc);
  if (!worst) return [];
  const [test, name] = [testName(result), worst.name].map(escapeMarkdown);
  return [`The worst ${what} on ${test} is ${name}, with an AUC of ${decimals(worst.auc)}.`];
}

function aucOn(result: EvaluationResult): string {
  return `${decimals(aucOf(result))} on ${escapeMarkdown(testName(result))}`;
}

/** At video level where there is one. */
function aucOf(result: EvaluationResult): number | null {
  return estimate(byLevel([result])[0], "auc")?.mean ?? null;
}

function thresholdsOf({ results }: ScoreReport): string {
  const used = [...new Set(results.map(({ metrics }) => metrics.threshold))];
  const chosen = byLevel(results).flatMap(({ level, chosen = [] }) =>
    chosen.map(({ by, threshold }, run) =>
      `Chosen on validation images by ${escapeMarkdown(by)}, ${level} level, run ${run + 1}: ${threshold}`
    )
  );
  const text = `The tables count scores of at least ${
    used.join(" or ")
  } as fake, where they say nothing else.`;
  return [text, ...(chosen.length > 0 ? [list([...new Set(chosen)])] : [])].join("\n\n");
}

const misuses: readonly string[] = [
  "To decide about a person: to accuse, to dismiss, to refuse a service, to police.",
  "As the sole evidence that a picture or video is real, or that it is fake. Of the reals and fakes of the tests above it got as many wrong as the tables say.",
  "On media unlike its data: other ways of making fakes, other cameras, crops, compression or populations, pictures without a face, fakes of voice or text.",
  "As a probability: scores follow the share of fakes that training saw, which is not that of the world.",
  "As what a generator is trained against.",
];

function licencesOf({ encoder = "", config, data, results, demo }: ScoreReport): string {
  const sets = [...new Set([...data, ...results].map(({ set }) => set))];
  const ofData = demo ? [] : sets.map((set): Licence => {
    const known = dataLicence(set);
    return {
      title: known ? `${set}, by its name ${known.title}` : set,
      terms: known?.terms ?? "not known to the bench: see its terms",
      source: known?.source ?? "who distributes it",
    };
  });
  const ofEncoder: Licence[] = clipModelOf({ encoder, config })
    ? [clipLicence]
    : encoder.startsWith("CLIP")
    ? [{ title: encoder, terms: "those of the file of weights that was given", source: "who distributes it" }]
    : [];
  const column = (name: string, value: Column<Licence>["value"]): Column<Licence> => ({
    ...{ name, align: "left", value },
  });
  const table = tableOf({
    ...{ title: "Terms", demo, rows: [...ofEncoder, ...ofData, benchLicence] },
    columns: [
      column("Of", ({ title }) => title),
      column("Terms", ({ terms }) => terms),
      column("Where they stand", ({ source }) => source),
    ],
  });
  return `The licence of this detector is its maker's to choose, and none is chosen yet (\`license: other\` above). It is as a rule bound by the terms of the data that it was trained on, and those of most sets of faces allow research alone, and nothing commercial. The table is no legal advice.\n\n${
    tableMarkdown(table)
  }`;
}

const and = new Intl.ListFormat("en-GB");

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${printable(line)}`).join("\n");
}
