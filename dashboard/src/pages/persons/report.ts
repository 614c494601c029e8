/** The results of an import's lines, read piece by piece as they arrive: there may be hundreds of thousands. */
import { answerIn, dataOf } from "../../api/errors";
import { language } from "../../i18n/language";

export type Status = "created" | "updated" | "skipped" | "failed";

interface Line {
  line: number;
  status: Status;
  user_id?: string;
  message?: string;
}

export interface Report {
  counts: Record<Status, number>;
  lines: readonly Line[];
}

export interface Import {
  instanceId: string;
  file: File;
  format: "jsonl" | "csv";
  existing: "fail" | "skip" | "update";
  dryRun: boolean;
}

/** In no text of JSON can this stand: quotation marks are escaped there. */
const BEGIN = /[,[]\{"line":/;
const READ_AT_ONCE = 256 << 10;

/** Throws ApiError for an import that was refused, another error if the connection was lost. */
export async function send(
  { instanceId, file, format, existing, dryRun }: Import,
  signal: AbortSignal,
): Promise<Report> {
  const query = new URLSearchParams({ format, existing, dry_run: String(dryRun) });
  const answer = await fetch(`/api/v1/resource/${instanceId}/persons/import?${query}`, {
    method: "POST",
    headers: { "Accept-Language": language.get() },
    body: file,
    signal,
  });
  if (!answer.ok) dataOf(answerIn(answer.status, answer.statusText, await answer.text()));
  return reportOf(pieces(answer));
}

async function* pieces(answer: Response): AsyncGenerator<string> {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const piece = await reader?.read();
    if (!piece || piece.done) return;
    yield piece.value;
  }
}

export async function reportOf(source: AsyncIterable<string>): Promise<Report> {
  const lines: Line[] = [];
  let head: string | undefined;
  let rest = "";
  let length = 0;
  const take = (parts: string[]) => {
    for (const part of parts) {
      if (head === undefined) head = `${part}[]}`;
      else lines.push(JSON.parse(`{"line":${part}`) as Line);
    }
  };
  for await (const piece of source) {
    const parts = (rest + piece).split(BEGIN);
    rest = parts.pop() ?? "";
    take(parts);
    length += piece.length;
    if (length < READ_AT_ONCE) continue;
    length = 0;
    await new Promise((resolve) => setTimeout(resolve)); // whoever types meanwhile comes first
  }
  if (head === undefined) head = rest;
  else take([rest.replace(/\]\}$/, "")]);
  const { created, updated, skipped, failed } = JSON.parse(head) as Report["counts"];
  return { counts: { created, updated, skipped, failed }, lines };
}
