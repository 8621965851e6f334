// One thread of the demo data's generator: is told a video's number, answers with its files.

import { demoVideos, renderVideo } from "./demo.ts";

const videos = demoVideos();
const scope = self as unknown as {
  onmessage: (event: MessageEvent<{ index: number; seed: number }>) => void;
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
};
scope.onmessage = async ({ data: { index, seed } }) => {
  const files = await renderVideo(videos[index], seed);
  scope.postMessage({ index, files }, files.map((file) => file.bytes.buffer as ArrayBuffer));
};
