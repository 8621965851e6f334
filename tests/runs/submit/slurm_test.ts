import { assertEquals } from "@std/assert";
import { resolveConfig } from "../../../lib/runs/config/config.ts";
import { partsOf } from "../../../lib/runs/submit/parts.ts";
import { logPath, sbatchArguments } from "../../../lib/runs/submit/sbatch.ts";
import { parseAccounts, parseJobs, parseQueue } from "../../../lib/runs/submit/slurm.ts";

const config = { ...resolveConfig({ out: "/shared/100%", precision: "int8" }), run: "a" };
const [encode, train] = partsOf(config, { configFile: "settings.json", shards: 3 });
const options = {
  ...{ run: "a", root: "/shared/bench", logs: "/shared/100%/a.submit", more: [] },
  ...{ needs: { memory: "3G", cores: 2 }, after: [] },
};

Deno.test("sbatchArguments() gives an array its tasks, and each its own log", () => {
  assertEquals(sbatchArguments(encode, options), [
    "--parsable",
    "--job-name=a.encode",
    "--chdir=/shared/bench",
    "--output=/shared/100%%/a.submit/encode-%A_%a.log",
    "--mem=3G",
    "--cpus-per-task=2",
    "--array=1-3",
    "/shared/bench/cluster/slurm/task.sh",
    "encode",
    "--config",
    "settings.json",
  ]);
  assertEquals(logPath(options.logs, encode, "7", 2), "/shared/100%/a.submit/encode-7_2.log");
  assertEquals(logPath(options.logs, train, "8"), "/shared/100%/a.submit/train-8.log");
});

Deno.test("sbatchArguments() has a job wait for others, and go where others cannot end well", () => {
  const more = ["--account=me"];
  const args = sbatchArguments(train, {
    ...options,
    ...{ after: ["7", "9"], partition: "long", time: "4:00:00", more },
  });
  assertEquals(args.slice(6, -8), [
    "--dependency=afterok:7:9",
    "--kill-on-invalid-dep=yes",
    "--partition=long",
    "--time=4:00:00",
    "--account=me",
  ]);
});

Deno.test("sbatchArguments() has a second training wait for the first, and no second encoding", () => {
  const again = { ...options, again: true };
  assertEquals(sbatchArguments(train, again)[6], "--dependency=singleton");
  assertEquals(
    sbatchArguments(train, { ...again, after: ["7"] })[6],
    "--dependency=afterok:7,singleton",
  );
  assertEquals(sbatchArguments(encode, again), sbatchArguments(encode, options));
});

// Below, answers of Slurm 22.05, shortened.

Deno.test("parseQueue() reads squeue's tasks and jobs", () => {
  const text =
    "6|N/A|a.train|PENDING|Dependency|\n5|1|a.encode|RUNNING|None|n1\n5|2|a.encode|RUNNING|None|n2\n";
  assertEquals(parseQueue(text), [
    { job: "6", name: "a.train", state: "PENDING", detail: "Dependency", node: "" },
    { job: "5", name: "a.encode", task: 1, state: "RUNNING", detail: "", node: "n1" },
    { job: "5", name: "a.encode", task: 2, state: "RUNNING", detail: "", node: "n2" },
  ]);
  assertEquals(parseQueue(""), []);
});

Deno.test("parseAccounts() reads sacct's states, exit codes and signals", () => {
  const text =
    "5_1|a.encode|COMPLETED|0:0|n1\n5_2|a.encode|FAILED|2:0|n2\n5_3|a.encode|OUT_OF_MEMORY|0:125|n2\n" +
    "6|a.train|CANCELLED by 1000|0:0|None assigned\n";
  assertEquals(parseAccounts(text), [
    { job: "5", name: "a.encode", task: 1, state: "COMPLETED", detail: "", node: "n1" },
    { job: "5", name: "a.encode", task: 2, state: "FAILED", detail: "exit code 2", node: "n2" },
    { job: "5", name: "a.encode", task: 3, state: "OUT_OF_MEMORY", detail: "signal 125", node: "n2" },
    { job: "6", name: "a.train", state: "CANCELLED", detail: "", node: "" },
  ]);
});

Deno.test("parseJobs() reads what the controller has, the last task of an array under the array's own number", () => {
  const text = [
    "JobId=5 ArrayJobId=5 ArrayTaskId=2 JobName=a.encode JobState=RUNNING Reason=None ExitCode=0:0 NodeList=n2 BatchHost=n2",
    "JobId=9 ArrayJobId=5 ArrayTaskId=1 JobName=a.encode JobState=NODE_FAIL Reason=NodeDown ExitCode=0:1 NodeList=n1",
    "JobId=6 JobName=a.train JobState=PENDING Reason=Dependency Dependency=afterok:5_*(unfulfilled) ExitCode=0:0 NodeList=",
    "JobId=7 ArrayJobId=7 ArrayTaskId=1-2,4%2 JobName=b.encode JobState=CANCELLED Reason=None ExitCode=0:0 NodeList=(null)",
    "",
  ].join("\n");
  const cancelled = { job: "7", name: "b.encode", state: "CANCELLED", detail: "", node: "" };
  assertEquals(parseJobs(text), [
    { job: "5", name: "a.encode", task: 2, state: "RUNNING", detail: "", node: "n2" },
    { job: "5", name: "a.encode", task: 1, state: "NODE_FAIL", detail: "signal 1", node: "n1" },
    { job: "6", name: "a.train", state: "PENDING", detail: "Dependency", node: "" },
    { ...cancelled, task: 1 },
    { ...cancelled, task: 2 },
    { ...cancelled, task: 4 },
  ]);
});
