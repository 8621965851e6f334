/**
 * Charts that belong together, side by side in one output.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { chartText } from "../report/render.ts";
import type { ChartSpec } from "../report/style.ts";

/** How wide a chart is drawn that stands beside another: two fit a notebook's page. */
export const halfWidth = 440;

/** What only a whole spec may have. */
type Whole = Pick<ChartSpec, "$schema" | "background" | "padding" | "config">;

/**
 * Charts two by two, in their order, each pair as one spec; the last of an odd number stands alone, and what is null is left out.
 *
 * @param charts drawn {@link halfWidth} wide; what each colour and shape means is said below each of them
 */
export function abreast(...charts: readonly (ChartSpec | null | undefined)[]): ChartSpec[] {
  const drawn = charts.filter((chart) => chart !== null && chart !== undefined);
  return Array.from({ length: Math.ceil(drawn.length / 2) }, (_, i) => {
    const [left, right] = drawn.slice(2 * i, 2 * i + 2);
    return right ? pairOf(left, right) : left;
  });
}

function pairOf(left: ChartSpec, right: ChartSpec): ChartSpec {
  const { $schema, background, padding, config } = left as Whole;
  const spec = {
    $schema,
    background,
    padding,
    config,
    description: `${chartText(left)}\n${chartText(right)}`,
    hconcat: [partOf(left), partOf(right)],
    spacing: 30,
    resolve: {
      scale: {
        color: "independent",
        shape: "independent",
        strokeDash: "independent",
        opacity: "independent",
      },
    },
  };
  return spec as TopLevelSpec;
}

function partOf(chart: ChartSpec): Omit<ChartSpec, keyof Whole> {
  const { $schema: _schema, background: _background, padding: _padding, config: _config, ...part } = chart as
    & ChartSpec
    & Whole;
  return part;
}
