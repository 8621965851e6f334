/**
 * How long work tells where it is, and how it is stopped.
 *
 * @module
 */

/** What any long work says while it goes on. */
export type TaskEvent =
  /** A line worth showing. */
  | { readonly type: "note" | "warning"; readonly message: string }
  /** Work moved on; `unit` names what is counted; a `total` of 0 is not known yet. */
  | {
    readonly type: "progress";
    readonly task: string;
    readonly unit: string;
    readonly done: number;
    readonly total: number;
  };

/** What long work is given beside its input. */
export type TaskOptions = {
  /** Hears what the work says. */
  readonly report?: (event: TaskEvent) => void;
  /** Stops the work, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where lists of files and facts about images are kept; `dataFolder()` unless given. */
  readonly cacheDir?: string;
};
