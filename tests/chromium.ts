/// <reference lib="dom" />
/**
 * Chromium, driven through its DevTools protocol: as much of it as looking at pages takes.
 *
 * Puppeteer would do this too, but whatever is in the lock file is downloaded by everyone who trains.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { join } from "node:path";

/** A tab. */
export type Page = {
  /** Loads an address, and resolves when it is loaded. */
  open(url: string): Promise<void>;
  /** Runs a function in the page; what goes in and out is JSON. */
  run<A extends unknown[], R>(body: (...args: A) => R, ...args: A): Promise<Awaited<R>>;
  /** Resolves when a function that runs in the page gives something true. @throws after `seconds` (60 unless given) */
  until(body: () => unknown, options?: { readonly seconds?: number }): Promise<void>;
  resize(width: number, height: number): Promise<void>;
  /** Moves to the middle of the element at an XPath and clicks, once it is there. */
  click(xpath: string): Promise<void>;
  /** Presses a letter with Ctrl. */
  pressControl(letter: string): Promise<void>;
  /** Presses a key that writes nothing, such as Enter. */
  press(key: "Enter" | "Tab"): Promise<void>;
  /** Writes a text where the cursor is. */
  type(text: string): Promise<void>;
  /** What the page is told of its reader: print instead of a screen, and whether the system is dark. */
  emulate(media: { readonly print?: boolean; readonly dark?: boolean }): Promise<void>;
  /** Writes the page as a PDF, as its own style says. */
  pdf(path: string): Promise<void>;
  /** Writes a PNG of the window, or of the whole page. */
  picture(path: string, options?: { readonly whole?: boolean }): Promise<void>;
  /** What scripts of the page have thrown, and what the browser has said against the page, so far. */
  readonly errors: readonly string[];
  /** What the page has asked for so far, itself among it; data within it aside. */
  readonly requests: readonly string[];
  close(): Promise<void>;
};

/** A browser without a window. */
export type Browser = { newPage(): Promise<Page>; close(): Promise<void> };

type Message = {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  // deno-lint-ignore no-explicit-any
  readonly params?: any;
  // deno-lint-ignore no-explicit-any
  readonly result?: any;
  readonly error?: { readonly message: string };
};

/** Starts Debian's Chromium, or `$CHROMIUM`. @throws when there is none */
export async function openBrowser(): Promise<Browser> {
  const program = Deno.env.get("CHROMIUM") ?? "chromium";
  const profile = await Deno.makeTempDir({ prefix: "forgelens-chromium-" });
  const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
  const child = new Deno.Command(program, {
    args: [
      ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", ...quiet],
      ...["--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"],
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const file = join(profile, "DevToolsActivePort"); // its port and the socket's path, once it listens
  const address = await waitFor(async () => {
    const lines = (await Deno.readTextFile(file).catch(() => "")).trim().split("\n");
    return lines.length === 2 && `ws://127.0.0.1:${lines[0]}${lines[1]}`;
  }, { seconds: 60, what: `${program} to start` });
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const waiting = new Map<number, (message: Message) => void>();
  const listeners = new Map<string, (message: Message) => void>();
  socket.onmessage = ({ data }) => {
    const message: Message = JSON.parse(data);
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    else if (message.sessionId) listeners.get(message.sessionId)?.(message);
  };
  let last = 0;
  const send = async (method: string, params: object = {}, sessionId?: string) => {
    const id = ++last;
    const answer = new Promise<Message>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params, sessionId }));
    const { result, error } = await answer;
    waiting.delete(id);
    if (error) throw new Error(`Cannot ${method}: expected an answer but found ${error.message}`);
    return result;
  };
  return {
    newPage: async () => {
      const { targetId } = await send("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
      return await openPage({
        send: (method, params) => send(method, params, sessionId),
        listen: (listener) => listeners.set(sessionId, listener),
        close: () => send("Target.closeTarget", { targetId }),
      });
    },
    close: async () => {
      await send("Browser.close");
      await child.status;
      await Deno.remove(profile, { recursive: true });
    },
  };
}

type Tab = {
  // deno-lint-ignore no-explicit-any
  send(method: string, params?: object): Promise<any>;
  listen(listener: (message: Message) => void): void;
  close(): Promise<void>;
};

async function openPage(tab: Tab): Promise<Page> {
  const errors: string[] = [];
  const requests: string[] = [];
  let loaded = () => {};
  tab.listen(({ method, params }) => {
    if (method === "Page.loadEventFired") loaded();
    if (method === "Runtime.exceptionThrown") {
      const { text, exception } = params.exceptionDetails;
      errors.push(exception?.description ?? text);
    }
    if (method === "Log.entryAdded" && params.entry.level === "error") errors.push(params.entry.text);
    if (method === "Network.requestWillBeSent" && !params.request.url.startsWith("data:")) {
      requests.push(params.request.url);
    }
  });
  await tab.send("Page.enable");
  await tab.send("Runtime.enable");
  await tab.send("Log.enable");
  await tab.send("Network.enable");
  const run: Page["run"] = async (body, ...args) => {
    const expression = `(${body})(${args.map((arg) => JSON.stringify(arg)).join()})`;
    const { result, exceptionDetails } = await tab.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  const mouse = (type: string, x: number, y: number) =>
    tab.send("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
  return {
    errors,
    requests,
    run,
    open: async (url) => {
      const done = new Promise<void>((resolve) => loaded = resolve);
      await tab.send("Page.navigate", { url });
      await done;
    },
    until: async (body, { seconds = 60 } = {}) => {
      await waitFor(() => run(body), { seconds, what: `${body}` });
    },
    resize: (width, height) =>
      tab.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false }),
    click: async (xpath) => {
      const [x, y] = await waitFor(() =>
        run((xpath) => {
          const found = document.evaluate(xpath, document, null, XPathResult.FIRST_ORDERED_NODE_TYPE, null);
          const element = found.singleNodeValue as HTMLElement | null;
          element?.scrollIntoView({ block: "nearest", behavior: "instant" });
          const box = element?.getBoundingClientRect();
          return box && box.width > 0 && [box.x + box.width / 2, box.y + box.height / 2];
        }, xpath), { seconds: 30, what: xpath });
      await mouse("mouseMoved", x, y);
      await mouse("mousePressed", x, y);
      await mouse("mouseReleased", x, y);
    },
    pressControl: async (letter) => {
      const key = {
        modifiers: 2,
        key: letter,
        code: `Key${letter.toUpperCase()}`,
        windowsVirtualKeyCode: letter.toUpperCase().charCodeAt(0),
      };
      for (const type of ["rawKeyDown", "keyUp"]) await tab.send("Input.dispatchKeyEvent", { type, ...key });
    },
    press: async (key) => {
      const code = { Enter: 13, Tab: 9 }[key];
      const pressed = {
        key,
        code: key,
        windowsVirtualKeyCode: code,
        text: key === "Enter" ? "\r" : undefined,
      };
      for (const type of ["keyDown", "keyUp"]) await tab.send("Input.dispatchKeyEvent", { type, ...pressed });
    },
    type: (text) => tab.send("Input.insertText", { text }),
    emulate: ({ print = false, dark = false }) =>
      tab.send("Emulation.setEmulatedMedia", {
        media: print ? "print" : "",
        features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }],
      }),
    pdf: async (path) => {
      const { data } = await tab.send("Page.printToPDF", { preferCSSPageSize: true });
      await Deno.writeFile(path, Buffer.from(data, "base64"));
    },
    picture: async (path, { whole = false } = {}) => {
      await tab.send("Emulation.setScrollbarsHidden", { hidden: whole }); // a whole page has no need of them
      const { cssContentSize } = await tab.send("Page.getLayoutMetrics");
      const width = Math.max(cssContentSize.width, await run(() => innerWidth));
      const { data } = await tab.send("Page.captureScreenshot", {
        ...whole ? { captureBeyondViewport: true, clip: { ...cssContentSize, width, scale: 1 } } : {},
      });
      await tab.send("Emulation.setScrollbarsHidden", { hidden: false });
      await Deno.writeFile(path, Buffer.from(data, "base64"));
    },
    close: tab.close,
  };
}

/** What `look` gives, once it gives something true. */
async function waitFor<T>(
  look: () => Promise<T>,
  { seconds, what }: { readonly seconds: number; readonly what: string },
): Promise<NonNullable<Exclude<T, false>>> {
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const value = await look();
    if (value) return value as NonNullable<Exclude<T, false>>;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Cannot go on: expected ${what} within ${seconds} seconds but found nothing`);
}
