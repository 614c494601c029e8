/**
 * Output on its way to a screen, which draws at its own speed.
 *
 * What cannot be drawn yet waits, 2 MiB at most: then the oldest of it is left out, and the screen goes on near the end. Until
 * it has caught up, little waits and the screen has pauses, so that keys are answered soon. While it is held, because its reader
 * has scrolled up or selected something, nothing is drawn.
 */

export interface Flow {
  /** Takes output that follows, repeats in part, or leaves out some of what came before. */
  take(bytes: Uint8Array, offset: number): void;
  hold(held: boolean): void;
  /** Drops what waits, and takes whatever comes next, from any offset on. */
  forget(): void;
  /** The offset of the next byte; undefined before the first. */
  end(): number | undefined;
}

export interface Sink {
  write(bytes: Uint8Array, end: number, drawn: () => void): void;
  /** Output from an offset on that will not be drawn. */
  skipped(bytes: number, from: number): void;
  /** How many lines have come while the screen is held. */
  unread(lines: number): void;
}

export const BEHIND_MAX = 2 << 20;
const BEHIND_IN_FLOOD = 256 << 10;
const KEPT = 64 << 10;
const DRAWING_MAX = 128 << 10;
const PAUSE_MS = 40;
const LINE_FEED = 10;

export function createFlow(sink: Sink): Flow {
  let queue: Uint8Array[] = [];
  let queued = 0;
  let drawing = 0;
  let end: number | undefined;
  let held = false;
  let flooded = false;
  let paused = false;
  let lines = 0;

  const draw = () => {
    while (!held && !paused && drawing < DRAWING_MAX) {
      const bytes = queue.shift();
      if (!bytes) {
        if (drawing === 0) flooded = false;
        return;
      }
      queued -= bytes.length;
      drawing += bytes.length;
      sink.write(bytes, (end ?? 0) - queued, () => {
        drawing -= bytes.length;
        if (flooded) pause();
        draw();
      });
    }
  };

  const pause = () => {
    if (paused) return;
    paused = true;
    setTimeout(() => {
      paused = false;
      draw();
    }, PAUSE_MS);
  };

  /** Leaves out all that waits but its newest lines. */
  const jump = () => {
    flooded = true;
    const from = (end ?? 0) - queued;
    while (queued > KEPT && queue.length > 1) queued -= queue.shift()?.length ?? 0;
    const [first, ...rest] = queue;
    const cut = (first?.indexOf(LINE_FEED) ?? -1) + 1;
    if (first && cut > 0) {
      queue = [first.subarray(cut), ...rest];
      queued -= cut;
    }
    sink.skipped((end ?? 0) - queued - from, from);
  };

  return {
    take: (all, offset) => {
      const known = Math.max(0, (end ?? offset) - offset);
      const bytes = all.subarray(known);
      if (bytes.length === 0) {
        end = Math.max(end ?? 0, offset); // nothing, or queries, which are not shown again
        return;
      }
      if (end !== undefined && offset > end) sink.skipped(offset - end, end);
      end = offset + all.length;
      queue.push(bytes);
      queued += bytes.length;
      if (held) {
        for (const byte of bytes) if (byte === LINE_FEED) lines += 1;
        sink.unread(lines);
      }
      if (drawing + queued > (flooded && !held ? BEHIND_IN_FLOOD : BEHIND_MAX)) jump();
      draw();
    },
    hold: (now) => {
      if (now === held) return;
      held = now;
      lines = 0;
      if (!held) draw();
    },
    forget: () => {
      queue = [];
      queued = 0;
      end = undefined;
    },
    end: () => end,
  };
}
