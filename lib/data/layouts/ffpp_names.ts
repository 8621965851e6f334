/**
 * What the names of FaceForensics++'s and DeepFakeDetection's videos tell: persons, and the scene that a fake was made from.
 *
 * @module
 */

/** Both persons of `071_054`, the one of `071`; none where the name has another form. */
export function ffppIdentities(name: string): string[] {
  const parts = /^(\d{3,4})(?:_(\d{3,4}))?$/.exec(name)?.slice(1) ?? [];
  return parts.filter((part) => part !== undefined).map((id) => `ffpp:${id}`);
}

/**
 * The persons that the names of a set's videos tell of, for each video: of a real one `071`, of a fake one both of
 * `071_054`, none of another name. Undefined where no fake is named as a pair: numbers alone are no persons.
 */
export function ffppPersons(
  videos: readonly { readonly label: 0 | 1; readonly id: string }[],
): string[][] | undefined {
  const persons = videos.map(({ label, id }) => {
    const found = ffppIdentities(id.split("/").at(-1)!);
    return label === 0 && found.length > 1 ? [] : found;
  });
  return persons.some(({ length }) => length > 1) ? persons : undefined;
}

/** The scene of a DFD video as its identity; none where the name has another form. */
export function dfdIdentities(name: string): string[] {
  const scene = dfdScene(name);
  return scene === undefined ? [] : [`dfd:${scene}`];
}

/** The scene that a DFD video was filmed in or made from: `01__meeting` of `01_02__meeting__YVGY8LOK`. */
export function dfdScene(name: string): string | undefined {
  const parts = /^(\d+)(?:_\d+)?__(.+?)(?:__[A-Z0-9]{8})?$/.exec(name);
  return parts ? `${parts[1]}__${parts[2]}` : undefined;
}
