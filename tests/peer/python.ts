/**
 * The Python side of the tests that compare with it.
 *
 * @module
 */

/** A Python that can import `modules`: FORGELENS_PYTHON, FORGELENS_SKLEARN or FORGELENS_FACES, else python3; undefined where none can. */
export function pythonWith(...modules: readonly string[]): string | undefined {
  const names = ["FORGELENS_PYTHON", "FORGELENS_SKLEARN", "FORGELENS_FACES"];
  const named = names.flatMap((name) => Deno.env.get(name) ?? []);
  return (named.length > 0 ? named : ["python3"]).find((name) => imports(name, modules));
}

function imports(name: string, modules: readonly string[]): boolean {
  try {
    const command = new Deno.Command(name, {
      args: ["-c", `import ${modules.join(", ")}`],
      stdout: "null",
      stderr: "null",
    });
    return command.outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
