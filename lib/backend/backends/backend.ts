/**
 * What a backend is. Those that there are stand in `mod.ts`.
 *
 * @module
 */

/** A backend that tensors may be computed on, and how it is started. */
export type BackendKind = {
  /** What it is called in sentences: "WebAssembly". */
  readonly title: string;
  /** What it is beside those before it in the list, for the note where it stands in for them. */
  readonly drawback?: string;
  /**
   * Starts it and makes it the one that `@tensorflow/tfjs` computes on, or says in one line why that cannot be and what to do.
   *
   * @param options.log takes the progress of a first set-up, a line at a time
   */
  readonly start: (options: { readonly log: (line: string) => void }) => Promise<StartedBackend | string>;
};

/** What a backend says of itself once it has started. */
export type StartedBackend = {
  /** Where the tensors really are, for example `CPU (2 threads)`. */
  device: string;
  /** The version of TensorFlow, or of tfjs's WebAssembly kernels. */
  version: string;
  /** One line for the user when this is not the backend or the device one would hope for: why, and what to do. */
  note?: string;
};
