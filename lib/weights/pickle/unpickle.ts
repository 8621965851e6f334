/**
 * Python's pickle, as far as `torch.save` needs it: tensors and plain containers are built, nothing is ever run.
 *
 * @module
 */
import { hasAttributes, takeState } from "./inert.ts";
import { createCursor, decimal, literal } from "./literals.ts";
import { call, isAllowed, isScriptClass, storage } from "./names.ts";
import {
  isList,
  isTagged,
  kindOf,
  type PickledName,
  type PickledStorage,
  type PickleValue,
} from "./values.ts";

/** An instruction may make an object, which takes many times its one byte in memory. */
const MAX_STEPS = 5_000_000;
const MAX_KEPT = 2_000_000;

/** How much a value takes to copy, in its elements or characters. */
function sizeOf(value: PickleValue): number {
  if (isList(value) || typeof value === "string" || value instanceof Uint8Array) return value.length;
  return value instanceof Map || value instanceof Set ? value.size : 0;
}

function checkProtocol(version: number): void {
  if (version > 5) throw new Error(`expected pickle protocol 0 to 5 but found ${version}`);
}

/** One pickle, read. */
export interface Pickle {
  /** What was pickled. */
  readonly value: PickleValue;
  /** Where it ends. */
  readonly end: number;
  /** Every storage that it refers to, as often as it does. */
  readonly storages: readonly PickledStorage[];
}

/**
 * Reads one pickle (protocols 0 to 5).
 *
 * @param bytes may go on after the pickle.
 * @param start where the pickle begins.
 * @throws {Error} `expected … but found … at offset …` for anything but tensors and plain containers, and for a damaged one.
 */
export function unpickle(bytes: Uint8Array, start = 0): Pickle {
  const cursor = createCursor(bytes, start);
  const { u8, u32, line } = cursor;
  const memo = new Map<number, PickleValue>();
  const marks: number[] = [];
  const stack: PickleValue[] = [];
  const storages: PickledStorage[] = [];
  const modules = new WeakSet<object>();
  let copied = 0;
  let steps = 0;
  let opcodeAt = start;

  const pop = (): PickleValue => {
    if (stack.length <= (marks.at(-1) ?? 0)) throw new Error("expected a value but found an empty stack");
    return stack.pop()!;
  };
  const popToMark = (): PickleValue[] => {
    const mark = marks.pop();
    if (mark === undefined) throw new Error("expected a mark but found none");
    return stack.splice(mark);
  };
  const top = (): PickleValue => {
    if (stack.length <= (marks.at(-1) ?? 0)) throw new Error("expected a value but found an empty stack");
    return stack[stack.length - 1];
  };
  const recall = (key: number | bigint): PickleValue => {
    const value = memo.get(Number(key));
    if (value === undefined) throw new Error(`expected a value kept under ${key} but found none`);
    return value;
  };
  const named = (name: string): PickledName => {
    if (isAllowed(name)) return { type: "name", name };
    throw new Error(`expected only tensors and plain containers but found a call of ${name.slice(0, 200)}`);
  };
  const keep = (key: number) => {
    memo.set(key, top());
    if (memo.size > MAX_KEPT) {
      throw new Error(`expected at most ${MAX_KEPT} values to be kept but found more`);
    }
  };
  const setItems = (target: PickleValue, items: PickleValue[]) => {
    if (!(target instanceof Map) || items.length % 2 !== 0) {
      throw new Error(
        `expected pairs for a dictionary but found ${items.length} values for ${kindOf(target)}`,
      );
    }
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
  };
  const extend = (target: PickleValue, items: PickleValue[]) => {
    if (!isList(target)) throw new Error(`expected a list but found ${kindOf(target)}`);
    for (const item of items) target.push(item);
  };
  // A call may copy its arguments. Each byte of an honest pickle is copied once or twice; calling again and again with one
  // long list would not be in proportion to the file.
  const copy = (values: PickleValue) => {
    for (const value of isList(values) ? values : []) copied += sizeOf(value);
    if (copied > 3 * bytes.length + 1000) {
      throw new Error("expected calls in proportion to the file but found too many");
    }
  };
  const invoke = (callee: PickleValue, args: PickleValue): PickleValue => {
    copy(args);
    const value = call(callee, args);
    if (isTagged<PickledName>(callee, "name") && hasAttributes(callee.name)) modules.add(value as object);
    return value;
  };
  const create = (type: PickleValue, args: PickleValue): PickleValue => {
    if (isTagged<PickledName>(type, "name") && isScriptClass(type.name)) {
      const module = new Map();
      modules.add(module);
      return module;
    }
    return invoke(type, args);
  };
  const build = (state: PickleValue) => {
    // A module is its attributes; those that an OrderedDict has of its own (`_metadata`) are left out.
    const target = top();
    copy(isList(state) ? state : [state]);
    if (takeState(target, state)) return;
    if (!(target instanceof Map) || !(state instanceof Map)) {
      throw new Error(
        `expected only tensors and plain containers but found a state for ${kindOf(target)}: ${
          kindOf(state)
        }`,
      );
    }
    if (modules.has(target)) { for (const [key, value] of state) target.set(key, value); }
  };

  const step = (opcode: string): boolean => {
    switch (opcode) {
      case "\x80": // PROTO
        checkProtocol(u8());
        break;
      case "\x95": // FRAME
        cursor.raw(8);
        break;
      case ".": // STOP
        return true;
      case "(": // MARK
        marks.push(stack.length);
        break;
      case "0": // POP, of a mark if that is what is on top
        if (marks.length > 0 && marks.at(-1) === stack.length) marks.pop();
        else pop();
        break;
      case "1": // POP_MARK
        popToMark();
        break;
      case "2": // DUP
        stack.push(top());
        break;

      case ")":
      case "]":
        stack.push([]);
        break;
      case "}":
        stack.push(new Map());
        break;
      case "\x8f":
        stack.push(new Set());
        break;
      case "t":
      case "l":
        stack.push(popToMark());
        break;
      case "\x85":
        stack.push([pop()]);
        break;
      case "\x86": {
        const second = pop();
        stack.push([pop(), second]);
        break;
      }
      case "\x87": {
        const third = pop();
        const second = pop();
        stack.push([pop(), second, third]);
        break;
      }
      case "d": {
        const items = popToMark();
        const map = new Map();
        setItems(map, items);
        stack.push(map);
        break;
      }
      case "\x91": // FROZENSET
        stack.push(new Set(popToMark()));
        break;
      case "a": {
        const item = pop();
        extend(top(), [item]);
        break;
      }
      case "e": {
        const items = popToMark();
        extend(top(), items);
        break;
      }
      case "s": {
        const value = pop();
        const key = pop();
        setItems(top(), [key, value]);
        break;
      }
      case "u": {
        const items = popToMark();
        setItems(top(), items);
        break;
      }
      case "\x90": { // ADDITEMS
        const items = popToMark();
        const target = top();
        if (!(target instanceof Set)) throw new Error(`expected a set but found ${kindOf(target)}`);
        for (const item of items) target.add(item);
        break;
      }

      case "p":
        keep(Number(decimal(line())));
        break;
      case "q":
        keep(u8());
        break;
      case "r":
        keep(u32());
        break;
      case "\x94": // MEMOIZE
        keep(memo.size);
        break;
      case "g":
        stack.push(recall(decimal(line())));
        break;
      case "h":
        stack.push(recall(u8()));
        break;
      case "j":
        stack.push(recall(u32()));
        break;

      case "c": {
        const module = line();
        stack.push(named(`${module}.${line()}`));
        break;
      }
      case "\x93": { // STACK_GLOBAL
        const name = pop();
        const module = pop();
        if (typeof name !== "string" || typeof module !== "string") {
          throw new Error(`expected a name but found ${kindOf(module)} and ${kindOf(name)}`);
        }
        stack.push(named(`${module}.${name}`));
        break;
      }
      case "i": { // INST: an old way to call a class
        const module = line();
        const name = named(`${module}.${line()}`);
        stack.push(invoke(name, popToMark()));
        break;
      }
      case "o": { // OBJ: another
        const [type, ...args] = popToMark();
        stack.push(invoke(type, args));
        break;
      }
      case "R": {
        const args = pop();
        stack.push(invoke(pop(), args));
        break;
      }
      case "\x81": { // NEWOBJ
        const args = pop();
        stack.push(create(pop(), args));
        break;
      }
      case "b": { // BUILD
        const state = pop();
        build(state);
        break;
      }
      case "Q": { // BINPERSID
        const reference = storage(pop());
        storages.push(reference);
        stack.push(reference);
        break;
      }

      default: {
        const value = literal(opcode, cursor);
        if (value === undefined) {
          throw new Error(
            `expected an instruction of a pickle of tensors but found byte 0x${
              opcode.charCodeAt(0).toString(16).padStart(2, "0")
            }`,
          );
        }
        stack.push(value);
      }
    }
    return false;
  };

  try {
    do {
      opcodeAt = cursor.position();
      if (++steps > MAX_STEPS) {
        throw new Error(`expected a pickle of at most ${MAX_STEPS} instructions but found more`);
      }
    } while (!step(String.fromCharCode(u8())));
    const value = pop();
    if (marks.length > 0 || stack.length > 0) throw new Error("expected one value but found several");
    return { value, end: cursor.position(), storages };
  } catch (error) {
    throw new Error(`${(error as Error).message} at offset ${opcodeAt}`);
  }
}
