/**
 * The commands of the command line.
 *
 * A further command is a file that does its work, and an entry here. The work is loaded only when it is run, so that help
 * needs nothing of it.
 *
 * @module
 */
import { Argument, type Command, Option } from "commander";
import { alignments } from "../faces/align.ts";
import { LEAST_FACE } from "../faces/face.ts";
import { videoLevelNames } from "../metrics/levels.ts";
import { columnSets } from "../runs/predict/answer.ts";
import { keyGroups } from "../runs/config/keys.ts";
import { addConfigFlags, addText, type Flags, toNumber, toWhole } from "./flags.ts";

/** One command: what help says of it, the flags it takes, and its work. */
export type CommandKind = {
  /** What help lists it under. */
  readonly group: "Runs" | "Data";
  /** What it does, in one sentence without a full stop. */
  readonly about: string;
  /** Arguments and flags of a call that works. */
  readonly example: string;
  /** Adds its arguments and flags. */
  readonly flags: (command: Command) => Command;
  /** Does it; resolves to the exit code. */
  readonly run: (flags: Flags, args: readonly string[]) => Promise<number>;
};

const withConfig = (command: Command) =>
  command.option("--config <file>", "JSON file with any of the keys below, in camelCase; flags win over it");

/** The commands by name, in the order of help. */
export const commands = {
  train: {
    group: "Runs",
    about: "train a detector, test it within and across data sets and under JPEG, and write a report",
    example: "--real faces/real --fake faces/fake",
    flags: (command) =>
      addConfigFlags(
        withConfig(command)
          .option("--resume", "go on with an interrupted run: the one --run names, or the newest")
          .option("--start-or-resume", "start the run that --run names, or go on with it where it was begun")
          .option(
            "--only-seed <number>",
            "train one of the --runs seeds alone, from 1, or with `task` the one that a Slurm array's task numbers; the run then takes it",
          ),
      ),
    run: async (flags) => (await import("./train.ts")).train(flags),
  },
  evaluate: {
    group: "Runs",
    about: "test trained weights again, or on other data sets",
    example: "checkpoints/first --test celebdf=DIR",
    flags: (command) =>
      addConfigFlags(withConfig(
        command.argument("<checkpoint>", "a run's folder, or a .safetensors or .pth file of weights"),
      )),
    run: async (flags, [checkpoint]) => (await import("./evaluate.ts")).evaluate(checkpoint, flags),
  },
  calibrate: {
    group: "Runs",
    about: "give a run's verdicts a stated risk, from videos that it never saw",
    example: "checkpoints/first --test held=DIR,all",
    flags: (command) =>
      addConfigFlags(
        command.argument("<run>", "a run's folder")
          .option(
            "--alpha <number>",
            "the risk that the printed rates are for: the share of either class called the other, at most",
            toNumber,
            0.05,
          ),
        [
          ...["precision", "backend", "test", "root", "allowLeak", "clip", "clipWeights"],
          ...["cache", "cacheFolder", "cacheLimit", "batchSize", "videoScore"],
        ],
      ),
    run: async (flags, [folder]) => (await import("./calibrate.ts")).calibrate(folder, flags),
  },
  predict: {
    group: "Runs",
    about: "answer about images, folders and videos: fake, real, not sure, or cannot say",
    example: "photo.jpg clip.mp4 folder --checkpoint checkpoints/first",
    flags: (command) =>
      addConfigFlags(
        command
          .argument("<files...>", "images, videos, or folders of them; - reads paths from standard input")
          .option(
            "--checkpoint <run>",
            "a run's folder or a file of weights; the newest demo run unless given",
          )
          .option("--cropped", "take pictures as they are, as faces that are cut out already")
          .option(
            "--alpha <number>",
            "the risk of a verdict: the share of either class called the other, at most",
            toNumber,
            0.05,
          )
          .option("--frames <number>", "evenly spaced frames of each video", toWhole(1), 32)
          .option("--map <folder>", "draw what drove each score there, and say how far that can be trusted")
          .addOption(
            new Option(
              "--map-kind <name>",
              "gradient: shares of the score; rollout: where attention goes, whatever the score",
            ).choices(["gradient", "rollout"]).default("gradient"),
          )
          .option("--jsonl <file>", "also write the answers as lines of JSON")
          .option("--csv <file>", "also write the answers as CSV")
          .addOption(
            new Option(
              "--columns <name>",
              "of the CSV file: own, or dfdc for filename,label as the Deepfake Detection Challenge took them",
            ).choices(Object.keys(columnSets)).default("own"),
          ),
        ["backend", "clip", "clipWeights", "batchSize"],
      ),
    run: async (flags, files) => (await import("./predict.ts")).predict(files, flags),
  },
  score: {
    group: "Runs",
    about: "measure any detector's scores, from a CSV file, as a run's own, and write the same report",
    example: "scores.csv --name xception --group gender",
    flags: (command) =>
      command
        .argument("<file>", "CSV with the columns label, score, and path or video; README names the others")
        .option("--name <text>", "what the report is called; the file's own name unless given")
        .option("--detector <name>", "what gave the scores, for the report's title")
        .option("--out <folder>", "where the report goes; beside the file, NAME-report, unless given")
        .option(
          "--group <column>",
          "also compare AUC, FPR and TPR by this column, beside those that are known by their names; again for more",
          addText,
        )
        .option("--threshold <number>", "from which score on an image or video counts as fake", toNumber, 0.5)
        .addOption(
          new Option("--video-score <name>", "how a video's score is made of its frames'")
            .choices(videoLevelNames).default("mean"),
        )
        .option("--logits", "the scores are logits: the sigmoid makes probabilities of them first"),
    run: async (flags, [file]) => (await import("./score.ts")).score(file, flags),
  },
  compare: {
    group: "Runs",
    about: "hold detectors beside each other, with paired tests, and beside published figures",
    example: "checkpoints/first checkpoints/second scores.csv",
    flags: (command) =>
      command
        .argument(
          "<scores...>",
          "folders of runs or of score's reports, or CSV files of scores as score takes them",
        )
        .option(
          "--logits <file>",
          "a CSV file of them whose scores are logits, of which the sigmoid makes probabilities; again for more",
          addText,
        )
        .option(
          "--out <folder>",
          "where comparison.html, .md, .csv and .json go; a new one beside the first unless given",
        ),
    run: async (flags, paths) => (await import("./compare.ts")).compare(paths, flags),
  },
  robustness: {
    group: "Runs",
    about: "test how far a trained run holds under compression, blur, noise and other perturbations",
    example: "checkpoints/first --perturb jpeg,gaussian-blur",
    flags: (command) =>
      addConfigFlags(
        command.argument("<run>", "a run's folder")
          .option("--out <folder>", "where the results go; robustness in the run's folder unless given")
          .option(
            "--only-family <name>",
            "score under one family of perturbations alone, or with `task` the one that a Slurm array's task numbers; a call without it reads the scores",
          ),
        [
          ...["precision", "backend", "test", "root", "allowLeak", "clip", "clipWeights"],
          ...["cache", "cacheFolder", "cacheLimit", "batchSize", "videoScore", "thresholdBy", "perturb"],
        ],
      ),
    run: async (flags, [folder]) => (await import("./robustness.ts")).robustness(folder, flags),
  },
  encode: {
    group: "Data",
    about: "encode a run's images ahead of it, or a share of them on each of several machines",
    example: "--real faces/real --fake faces/fake --shard 2/8",
    flags: (command) =>
      addConfigFlags(
        withConfig(command)
          .option(
            "--shard <i/n>",
            "the i-th of n shares of the images; a task of a Slurm array knows its own",
          )
          .option("--shards <number>", "so many shares at once, each in a process of its own", toWhole(1))
          .option("--status", "say how far each share is that was encoded into the cache"),
      ),
    run: async (flags) => (await import("./encode.ts")).encode(flags),
  },
  submit: {
    group: "Runs",
    about: "give a run to Slurm: preparing and encoding as arrays, then training and tests",
    example: "--config run.json --shards 8 --time 4:00:00",
    flags: (command) =>
      addConfigFlags(
        withConfig(command)
          .option(
            "--shards <number>",
            "tasks that share preparing, and tasks that share encoding",
            toWhole(1),
            1,
          )
          .option("--prepare <flags>", "first prepare with these flags, in one text; again for more", addText)
          .option("--no-encode", "leave encoding to the training")
          .option(
            "--evaluate <name=folder>",
            "then test on this set in a task of its own; again for more",
            addText,
          )
          .option(
            "--robustness <family>",
            "then test under a family of perturbations in a task of its own, or all, a task each; again for more",
            addText,
          )
          .option("--partition <name>", "Slurm's partition")
          .option(
            "--time <limit>",
            "Slurm's limit for each task, 5 minutes at least; a task that comes near it saves and goes on later",
          )
          .option("--mem <size>", "memory of each task, such as 8G; by what was measured unless given")
          .option("--cpus-per-task <number>", "cores of each task; 2 unless given", toWhole(1))
          .option("--sbatch <options>", "further options of sbatch, in one text")
          .option("--again", "submit a run that waits or is at work")
          .option("--status", "say how far each part is of the run that --run names, and what failed and why")
          .option("--json", "print JSON"),
      ),
    run: async (flags) => (await import("./submit.ts")).submit(flags),
  },
  inspect: {
    group: "Data",
    about: "say what of your data is there, missing, skipped and leaking; trains nothing",
    example: "--data ffpp=DIR,c23 --test celebdf=DIR",
    flags: (command) =>
      addConfigFlags(
        withConfig(command)
          .option("--json", "print JSON")
          .option("--chart <file>", "also draw a chart, as .svg, .png or Vega-Lite .json")
          .option(
            "--quick",
            "do not open the images: no unreadable ones, duplicates and shortcuts are found",
          ),
        [...Object.keys(keyGroups.data.keys), "seed"],
      ),
    run: async (flags) => (await import("./inspect.ts")).inspect(flags),
  },
  prepare: {
    group: "Data",
    about: "extract evenly spaced frames from the videos of a data set, and crop the faces",
    example: "--data ffpp=DIR,c23 --into crops --faces --align similarity",
    flags: (command) =>
      addConfigFlags(
        command
          .requiredOption("--into <folder>", "where the frames go; the set itself is never written to")
          .option("--frames <number>", "frames of each video", toWhole(1), 32)
          .option("--boxes <file>", "CSV of face boxes: video,frame,x,y,w,h; frame counts from 0")
          .option("--landmarks", "take boxes around the .npy landmarks beside the videos or frames")
          .option(
            "--faces",
            "find the faces, follow them through each video, and crop the one that is chosen",
          )
          .addOption(
            new Option(
              "--align <name>",
              `how a face that is found is turned upright; none: not, a square around it; ${
                Object.entries(alignments).map(([name, { about }]) => `${name}: ${about}`).join("; ")
              }`,
            ).choices(["none", ...Object.keys(alignments)]).default("none"),
          )
          .option("--size <pixels>", "side of an aligned crop; the alignment's own unless given", toWhole(16))
          .addOption(
            new Option("--points <count>", "points of each face that are written beside its crop as .npy")
              .choices(["5", "68"]).default("5"),
          )
          .option(
            "--least-score <number>",
            "faces of a lower score are not taken",
            toNumber,
            LEAST_FACE.score,
          )
          .option(
            "--least-side <pixels>",
            "faces with a shorter side are not taken",
            toWhole(12),
            LEAST_FACE.side,
          )
          .option(
            "--margin <number>",
            "side of the crop over the longer side of the box, or over the side of the alignment's square",
            toNumber,
            1.3,
          )
          .option(
            "--recompress <crf>",
            "compress each whole video as H.264 with this CRF, 0 to 51, before frames are taken; 23 and 40 are FaceForensics++'s c23 and c40",
            toWhole(0),
          )
          .option(
            "--workers <number>",
            "videos at a time; as many as there are cores unless given",
            toWhole(1),
          )
          .option(
            "--shard <i/n>",
            "the i-th of n shares of the videos, on any machine that sees the folders; a task of a Slurm array knows its own",
          )
          .option("--shards <number>", "so many shares at once, each in a process of its own", toWhole(1)),
        ["data", "set", "compression", "methods", "labels", "videos", "root"],
      ),
    run: async (flags) => (await import("./prepare.ts")).prepare(flags),
  },
  "demo-data": {
    group: "Data",
    about: "write the procedural demo data set",
    example: "--root data/others --seed 1",
    flags: (command) =>
      command
        .option("--root <folder>", "where to", "data/demo")
        .option("--seed <number>", "another seed gives other faces", toWhole(0), 0),
    run: async (flags) => (await import("./demo_data.ts")).demoData(flags),
  },
  cache: {
    group: "Data",
    about: "show or prune the tokens that are kept on disk, so that an image is encoded once",
    example: "prune --to 10",
    flags: (command) =>
      command
        .addArgument(
          new Argument("[what]", "what each encoder's tokens take, or remove what was not used for longest")
            .choices(["show", "prune"]).default("show"),
        )
        .option("--cache-folder <folder>", "where they are kept; by default in the user's cache folder")
        .option("--to <gigabytes>", "how much may stay with prune; nothing unless given", toNumber),
    run: async (flags, [what]) =>
      (await import("./cache.ts")).cache(what === "prune" ? "prune" : "show", flags),
  },
} as const satisfies Readonly<Record<string, CommandKind>>;
