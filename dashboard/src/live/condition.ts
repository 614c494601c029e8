/** What an instance or a service is doing, in the one word that a person wants to know. */
import type { FailureDetailsFragment, Status, WaitingFor } from "../gql/graphql";
import type { Key } from "../i18n/text";
import type { Instance } from "./instances";

type Tone = "good" | "busy" | "bad" | "ask" | "idle";

export interface Condition {
  tone: Tone;
  label: Key;
}

interface Program {
  status: Status;
  ready: boolean | null;
  waitingFor: WaitingFor | null;
  failure: FailureDetailsFragment | null;
}

const STATUS: Record<Status, Condition> = {
  RUNNING: { tone: "good", label: "state.running" },
  STARTING: { tone: "busy", label: "state.starting" },
  STOPPING: { tone: "busy", label: "state.stopping" },
  INSTALLING: { tone: "busy", label: "state.installing" },
  STOPPED: { tone: "idle", label: "state.stopped" },
  FAILED: { tone: "bad", label: "state.failed" },
};

const WAITING: Partial<Record<WaitingFor, Condition>> = {
  TERMS: { tone: "ask", label: "state.terms" },
  INPUT: { tone: "ask", label: "state.input" },
  LOGIN: { tone: "ask", label: "state.login" },
  BACKOFF: { tone: "bad", label: "state.backoff" },
  PORT: { tone: "busy", label: "state.port" },
  OUTPUT: { tone: "busy", label: "state.loading" },
  PROGRAM: { tone: "busy", label: "state.program" },
};

export function conditionOf(program: Program): Condition {
  const waits = program.waitingFor ? WAITING[program.waitingFor] : undefined;
  if (waits) return waits;
  if (program.status === "RUNNING" && program.ready === false)
    return { tone: "busy", label: "state.loading" };
  return STATUS[program.status];
}

/** Whether somebody should look at it: it failed, waits for a person, or its deployment did. */
export function needsSomebody(instance: Instance): boolean {
  const programs = [instance, ...instance.services];
  return (
    programs.some((program) => ["bad", "ask"].includes(conditionOf(program).tone)) ||
    instance.deployment?.status === "FAILED"
  );
}

/** Whether it was never installed completely: only its deployment can be tried again. */
export function isUninstalled({ deployment, status }: Instance): boolean {
  return status === "FAILED" && deployment?.status === "FAILED" && deployment.kind !== "UPGRADE";
}

/** Whether it can be stopped and restarted: it runs, or its process lives although nobody reaches it (which has failed). */
export function isUp(program: { status: Status; pid: number | null }): boolean {
  return program.status === "RUNNING" || program.status === "STARTING" || program.pid !== null;
}
