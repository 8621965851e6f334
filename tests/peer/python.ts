/**
 * The Python side of the tests that compare with it.
 *
 * @module
 */

/** A Python that can import `modules`: FORGELENS_PYTHON, else python3; undefined where it cannot, or is not there. */
export function pythonWith(...modules: readonly string[]): string | undefined {
  const name = Deno.env.get("FORGELENS_PYTHON") ?? "python3";
  try {
    const command = new Deno.Command(name, {
      args: ["-c", `import ${modules.join(", ")}`],
      stdout: "null",
      stderr: "null",
    });
    return command.outputSync().success ? name : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
