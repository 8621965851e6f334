/**
 * A Slurm of one machine's own: munge, a controller and two nodes, all below one folder and on free ports.
 *
 * @module
 */
import { join } from "node:path";
import { programPath } from "./install.ts";
import { endAll, parentOf, pause, processesWith } from "./processes.ts";

/** The nodes' names. */
export const nodes = ["n1", "n2"] as const;
export type NodeName = typeof nodes[number];

/** A Slurm that runs until it is closed. */
export type Slurm = {
  /** What programs need in their environment to speak to it. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs one of Slurm's programs and resolves to what it prints. @throws {Error} with what it says when it fails */
  call(program: string, ...args: readonly string[]): Promise<string>;
  /** Starts a node, and waits until the controller counts on it. */
  startNode(name: NodeName): Promise<void>;
  /** Ends a node as a power cut does: its daemon and all that runs there. */
  failNode(name: NodeName): Promise<void>;
  /** The mails that Slurm sent, each with its subject. */
  mails(): Promise<string>;
  /** Ends everything. */
  close(): Promise<void>;
};

/** What the controller waits before it gives up a node, and a job's processes after SIGTERM. */
const SECONDS = { node: 6, kill: 20 };
const PATIENCE_MS = 30_000;

/** The variable that says which node a daemon is, so that all it starts can be told. */
const NODE = "FORGELENS_NODE";

/** Starts a Slurm whose files are below `root`, which others may enter. @throws {Error} with the daemons' last words */
export async function openSlurm(root: string): Promise<Slurm> {
  for (const name of ["munge", "state", "log", ...nodes]) await Deno.mkdir(join(root, name));
  const conf = join(root, "slurm.conf");
  const socket = join(root, "munge/socket");
  const env = { SLURM_CONF: conf, PATH: programPath };
  const daemons: Deno.ChildProcess[] = [];
  const start = async (program: string, args: readonly string[], more: Record<string, string> = {}) => {
    const log = join(root, "log", `${program}${more[NODE] ?? ""}.out`);
    daemons.push(
      new Deno.Command("sh", {
        args: ["-c", 'exec "$@" >>"$0" 2>&1', log, program, ...args],
        env: { ...env, ...more },
        detached: true, // a terminal's Ctrl-C comes to this process alone, which ends them in order
        stdin: "null",
      }).spawn(),
    );
    await Promise.resolve();
  };
  const call = async (program: string, ...args: readonly string[]) => {
    const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args], env }).output();
    const decoder = new TextDecoder();
    if (success) return decoder.decode(stdout);
    throw new Error(`${program} ${args.join(" ")}: ${decoder.decode(stderr).trim()}`);
  };
  const words = async () => {
    const said: string[] = [];
    for await (const { name } of Deno.readDir(join(root, "log"))) {
      const text = await Deno.readTextFile(join(root, "log", name));
      said.push(...text.trim().split("\n").slice(-3).map((line) => `${name}: ${line}`));
    }
    return said.join("\n");
  };
  const until = async (what: string, holds: () => Promise<boolean>) => {
    for (const began = Date.now(); !(await holds().catch(() => false));) {
      if (Date.now() - began > PATIENCE_MS) {
        throw new Error(`Cannot start Slurm: expected ${what} but found\n${await words()}`);
      }
      await pause(100);
    }
  };
  const isIdle = async (name: NodeName) =>
    (await call("sinfo", "--noheader", `--nodes=${name}`, "--format=%T")).trim() === "idle";
  const slurm: Slurm = {
    env,
    call,
    startNode: async (name) => {
      await start("slurmd", ["-D", "-N", name], { [NODE]: name });
      await until(`node ${name} to be idle`, async () => {
        if (await isIdle(name)) return true;
        await call("scontrol", "update", `NodeName=${name}`, "State=RESUME").catch(() => {});
        return false;
      });
    },
    failNode: async (name) => {
      const below = await processesWith({ SLURM_CONF: conf });
      const daemon = below.filter(({ env }) => env[NODE] === name);
      const jobs = below.filter(({ env }) => env.SLURMD_NODENAME === name);
      const isOfJob = new Set(jobs.map(({ pid }) => pid));
      const parents = new Set(await Promise.all(jobs.map(({ pid }) => parentOf(pid))));
      const steps = below.filter(({ pid }) => parents.has(pid) && !isOfJob.has(pid));
      // What would tell the controller of an end goes before what ends.
      await endAll([...daemon, ...steps, ...jobs]);
    },
    mails: () => Deno.readTextFile(join(root, "mails")).catch(() => ""),
    close: async () => {
      await endOf(root);
      await Promise.race([Promise.all(daemons.map(({ status }) => status)), pause(PATIENCE_MS)]);
    },
  };
  try {
    const key = join(root, "munge/key");
    await Deno.writeFile(key, crypto.getRandomValues(new Uint8Array(1024)), { mode: 0o600 });
    const file = (name: string) => join(root, "munge", name);
    await start("munged", [
      ...["--foreground", "--key-file", key, "--socket", socket, "--pid-file", file("pid")],
      ...["--log-file", file("log"), "--seed-file", file("seed")],
    ]);
    const mail = join(root, "mail");
    await Deno.writeTextFile(mail, `#!/bin/sh\necho "$@" >> ${join(root, "mails")}\n`, { mode: 0o755 });
    await until("munge's socket", async () => (await Deno.stat(socket)).isSocket === true);
    await Deno.writeTextFile(conf, configuration(root, { socket, ports: freePorts(1 + nodes.length) }));
    const version = Number(/\d+/.exec(await call("slurmctld", "-V"))?.[0]);
    // The setting came with version 23, before which another value than a plugin's name ends a node.
    if (version >= 23) await Deno.writeTextFile(join(root, "cgroup.conf"), "CgroupPlugin=disabled\n");
    await start("slurmctld", ["-D"]);
    await until("the controller to answer", async () => /UP/.test(await call("scontrol", "ping")));
    await Promise.all(nodes.map(slurm.startNode));
    const tried = await Promise.all(
      nodes.map((name) =>
        call("sbatch", "--parsable", `--nodelist=${name}`, "--output=/dev/null", "--chdir=/", "--wrap=true")
      ),
    );
    await until("a job to end well on each node", async () => {
      const jobs = await Promise.all(tried.map((job) => call("scontrol", "show", "job", job.trim())));
      return jobs.every((text) => text.includes("JobState=COMPLETED"));
    });
    return slurm;
  } catch (error) {
    await slurm.close();
    throw error;
  }
}

/** Ends a Slurm whose files are below `root`, whoever started it, with all that it runs. */
export async function endOf(root: string): Promise<void> {
  await endAll(await processesWith({ SLURM_CONF: join(root, "slurm.conf") }));
}

function configuration(
  root: string,
  { socket, ports: [controller, ...ports] }: { readonly socket: string; readonly ports: readonly number[] },
): string {
  const host = Deno.hostname().split(".")[0];
  return [
    "ClusterName=forgelens",
    `SlurmctldHost=${host}(127.0.0.1)`,
    `SlurmctldPort=${controller}`,
    "SlurmUser=root",
    "AuthType=auth/munge",
    // A requeued job waits until its credential is over, two minutes unless said.
    `AuthInfo=socket=${socket},cred_expire=5`,
    `StateSaveLocation=${join(root, "state")}`,
    `SlurmdSpoolDir=${join(root, "%n")}`,
    `SlurmctldPidFile=${join(root, "controller.pid")}`,
    `SlurmdPidFile=${join(root, "%n.pid")}`,
    `SlurmctldLogFile=${join(root, "log/controller.log")}`,
    `SlurmdLogFile=${join(root, "log/%n.log")}`,
    "ProctrackType=proctrack/linuxproc",
    "TaskPlugin=task/none",
    `MailProg=${join(root, "mail")}`,
    "SelectType=select/cons_tres",
    "SelectTypeParameters=CR_CPU_Memory,CR_LLN", // tasks go to the node with most room, so to both
    "ReturnToService=2",
    `SlurmdTimeout=${SECONDS.node}`,
    `KillWait=${SECONDS.kill}`,
    "SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1",
    "SlurmdParameters=config_overrides", // nodes have the cores that are said here, not the machine's
    ...nodes.map((name, i) =>
      `NodeName=${name} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${
        ports[i]
      } CPUs=${CORES} RealMemory=${MEMORY_MB} State=UNKNOWN`
    ),
    `PartitionName=main Nodes=${nodes.join()} Default=YES MaxTime=60 State=UP`,
    "",
  ].join("\n");
}

/** What each node counts on having. */
const CORES = 8;
const MEMORY_MB = 64_000;

function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}
