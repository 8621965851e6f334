#!/usr/bin/env bash
# One command of the bench as a task of Slurm: sbatch [option …] cluster/slurm/task.sh COMMAND [flag …]
#
# Options such as --array, --time, --mem and --partition come from the command line; `deno task submit` gives them all. Slurm runs a
# copy of this file, so the repository is where the job begins: the folder in which sbatch was called, or its --chdir.
#
# Variables: DENO names the program deno; MOST_RESTARTS says how often a task that its time limit stopped begins again (50).
#
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@120
set -uo pipefail

readonly seconds_before_limit=120 # as in --signal, which Slurm sends up to a minute earlier

fail() {
  echo "Cannot run the task: $1" >&2
  exit 2
}

[[ $# -gt 0 ]] || fail "expected a command and its flags but found nothing; for example: task.sh encode --config run.json"
[[ -f lib/cli.ts && -f deno.json ]] ||
  fail "expected the bench's repository but found $PWD; call sbatch there or give it --chdir"

if [[ -n ${DENO:-} ]] && command -v "$DENO" >/dev/null; then
  deno=("$DENO")
elif command -v deno >/dev/null; then
  deno=(deno)
else
  deno=(npx --yes deno@2.9.6)
fi
# The program itself and not npm's script in front of it, which would not pass a signal on; and the words of the command's own task.
# shellcheck disable=SC2016 # the quoted text is no shell's
ask='const { tasks } = JSON.parse(Deno.readTextFileSync("deno.json"));
console.log([Deno.execPath(), ...(tasks[Deno.args[0]]?.command ?? "").split(" ").slice(1)].join("\n"));'
answer=$("${deno[@]}" eval --quiet "$ask" "$1") || fail "expected deno to start but found that ${deno[*]} does not"
mapfile -t words <<<"$answer"
[[ ${words[1]:-} == run ]] || fail "expected a command of the bench but found $1"

command=$1
arguments=("${@:2}")
# A task may be begun again at any time, so a training goes on with its own run where that was begun.
if [[ $command == train && " ${arguments[*]} " != *" --resume "* ]]; then arguments+=(--start-or-resume); fi

job=${SLURM_JOB_ID:-}
# The bare number of an array's last task is the whole array's.
[[ -n ${SLURM_ARRAY_JOB_ID:-} ]] && job=${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}
restarts=${SLURM_RESTART_COUNT:-0}

say() { echo "[task] $(date -u +%Y-%m-%dT%H:%M:%SZ) $1"; }

say "$command begins on $(hostname), job ${job:-none}, restarts $restarts"
"${words[@]}" "${arguments[@]}" &
child=$!
# What Slurm sends to all processes of a job ends this one too; what it sends to the script alone does not, and is to be passed on: a
# second signal would end the command before it has saved.
sleep infinity &
canary=$!
for_script_alone=no

# shellcheck disable=SC2317 # the traps call it
pass_on() {
  trap '' TERM INT
  sleep 1
  if kill -0 "$canary" 2>/dev/null; then
    for_script_alone=yes
    kill "-$1" "$child" 2>/dev/null
  fi
}
trap 'pass_on TERM' TERM
trap 'pass_on INT' INT

while kill -0 "$child" 2>/dev/null; do wait "$child"; done # a signal ends a wait early
wait "$child"
code=$?
kill "$canary" 2>/dev/null
say "$command ended with exit code $code"
[[ $code -eq 143 && -n $job ]] || exit "$code"

# Whether Slurm stopped a job that nobody cancelled: its time is nearly over, or a job with precedence needs its place.
may_begin_again() {
  local about end left
  about=$(timeout 30 scontrol --oneliner show job "$job") || return 1
  [[ $about == *" JobState=RUNNING "* ]] || return 1
  if [[ $for_script_alone == no ]]; then
    [[ $about =~ \ PreemptTime=[0-9] ]]
    return
  fi
  [[ $about =~ \ EndTime=([^ ]+) ]] || return 1
  end=$(date -d "${BASH_REMATCH[1]}" +%s 2>/dev/null) || return 1
  left=$((end - $(date +%s)))
  [[ $left -le $((seconds_before_limit + 60)) ]]
}

if may_begin_again; then
  if [[ $restarts -ge ${MOST_RESTARTS:-50} ]]; then
    say "not put into the queue again: that was done $restarts times"
  else
    say "goes into the queue again, to go on"
    trap - TERM
    scontrol requeue "$job"
    sleep 30 # Slurm ends the script, and an exit code before that would be taken for the job's end
  fi
fi
exit "$code"
