/**
 * Finds faces in a thread of its own.
 *
 * @module
 */
import { initBackend } from "../backend/start.ts";
import { InputError } from "../base/errors.ts";
import type { RgbImage } from "../images/resize.ts";
import type { Face } from "./face.ts";
import { type FaceFinder, type FaceOptions, openFaceFinder } from "./find.ts";

/** An image and the faces in it, by falling score. */
export type FacesIn = { readonly image: RgbImage; readonly faces: readonly Face[] };

/** A detector of faces in a thread of its own: what calls it reads, crops and writes meanwhile. */
export type FaceFinderApart = Pick<FaceFinder, "name" | "digest"> & {
  /** Why it is slower than it could be. */
  readonly note?: string;
  /**
   * The faces in each image, once those of earlier calls are found. Takes the images' bytes away and gives them back with the faces.
   *
   * @throws {Error} when the detector fails, or is closed before.
   */
  find(images: readonly RgbImage[]): Promise<readonly FacesIn[]>;
  /** Ends what waits, and frees the weights once the thread is at rest: TensorFlow does not survive that it ends in a computation. */
  close(): Promise<void>;
};

/** The detector of `openFaceFinder()` in this thread, where the images stay as they are; the caller closes it. */
export async function openFaceFinderHere(options: FaceOptions): Promise<FaceFinderApart> {
  const { note } = await initBackend();
  const finder = await openFaceFinder(options);
  return {
    ...finder,
    note,
    // deno-lint-ignore require-await
    close: async () => finder.close(),
    find: async (images) => {
      const found = await finder.find(images);
      return images.map((image, i) => ({ image, faces: found[i] }));
    },
  };
}

/** What the thread is asked: to open the detector, and then for the faces in images. */
export type Question =
  & { readonly id: number }
  & (
    | { readonly open: FaceOptions }
    | { readonly images: readonly RgbImage[] }
  );
/** What it says: `value` of a question, or why there is none. */
export type Reply =
  & { readonly id: number }
  & (
    | { readonly value: unknown }
    | { readonly error: string; readonly isInput: boolean }
  );

/**
 * Opens the detector of `openFaceFinder()` in a thread of its own; the caller closes it, which ends the thread.
 *
 * @throws {InputError} when an option is out of range.
 */
export async function openFaceFinderApart(options: FaceOptions): Promise<FaceFinderApart> {
  const worker = new Worker(new URL("./find_worker.ts", import.meta.url), { type: "module" });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const atRest = Promise.withResolvers<void>();
  let ended: Error | undefined;
  let [count, answered] = [0, 0];
  const ask = (
    question: { open: FaceOptions } | { images: readonly RgbImage[] },
    transfer: ArrayBuffer[],
  ) => {
    if (ended) return Promise.reject(ended);
    const id = count++;
    const answer = Promise.withResolvers<unknown>();
    waiting.set(id, answer);
    worker.postMessage({ id, ...question } satisfies Question, transfer);
    return answer.promise;
  };
  const end = (error: Error) => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  worker.onmessage = ({ data: reply }: MessageEvent<Reply>) => {
    const answer = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (++answered === count && ended) atRest.resolve();
    if ("value" in reply) answer?.resolve(reply.value);
    else answer?.reject(reply.isInput ? new InputError(reply.error) : new Error(reply.error));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    atRest.resolve(); // its thread is gone
    end(new Error(`Cannot find faces: ${event.message}`));
  };
  try {
    const opened = await ask({ open: options }, []) as Pick<FaceFinderApart, "name" | "digest" | "note">;
    return {
      ...opened,
      find: (images) =>
        ask({ images }, images.map(({ data }) => data.buffer as ArrayBuffer)) as Promise<readonly FacesIn[]>,
      close: async () => {
        end(new Error("Cannot find faces: expected a detector that is open but found it closed"));
        if (answered < count) await atRest.promise;
        worker.terminate();
      },
    };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}
