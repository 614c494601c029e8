/** A chart of one figure over time, drawn by uPlot. Dragging over it chooses a part of the time. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { AXIS_PX, HEIGHT_PX, RIGHT_PX } from "./layout";
import type { Span } from "./span";

const POWERS = Array.from({ length: 50 }, (_, power) => 2 ** power);

export default function Chart({
  at,
  mean,
  most,
  span,
  marks,
  label,
  format,
  tick,
  binary,
  choose,
}: {
  /** Seconds since 1970. */
  at: readonly number[];
  mean: readonly number[];
  most: readonly number[];
  /** The time that the chart shows, whatever was recorded in it. */
  span: Span;
  /** Where vertical lines stand, in seconds since 1970. */
  marks: readonly number[];
  label: string;
  format: (value: number) => string;
  /** A time on the axis, in seconds since 1970. */
  tick: (at: number) => string;
  /** Whether the values are round in powers of two. */
  binary: boolean;
  choose: (span: Span) => void;
}) {
  const element = useRef<HTMLDivElement>(null);
  const { begin, end } = span;
  useEffect(() => {
    const place = element.current;
    if (!place) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => resolved(style.getPropertyValue(name), place);
    const axis = {
      stroke: colour("--dim"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
    };
    const lines = (plot: uPlot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.strokeStyle = colour("--ask");
      ctx.setLineDash([3, 3]);
      for (const mark of marks) {
        const x = Math.round(plot.valToPos(mark, "x", true));
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      }
      ctx.restore();
    };
    const chosen = (plot: uPlot) => {
      const { left, width } = plot.select;
      if (width < 4) return;
      const [from, to] = [left, left + width].map((x) => Math.round(plot.posToVal(x, "x") * 1000));
      if (from !== undefined && to !== undefined) choose({ begin: from, end: to });
    };
    const plot = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT_PX,
        padding: [8, RIGHT_PX, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: true, y: false, setScale: false } },
        series: [
          {},
          { stroke: colour("--line"), width: 1 },
          { stroke: colour("--accent"), width: 1.5, fill: colour("--accent-soft") },
        ],
        axes: [
          { ...axis, size: 30, values: (_, ticks) => ticks.map(tick) },
          {
            ...axis,
            size: AXIS_PX,
            values: (_, ticks) => ticks.map(format),
            ...(binary && { incrs: POWERS }),
          },
        ],
        scales: {
          x: { range: () => [begin / 1000, end / 1000] },
          y: { range: (_, _min, max) => [0, max || 1] },
        },
        hooks: { draw: [lines], setSelect: [chosen] },
      },
      [[...at], [...most], [...mean]],
      place,
    );
    const observer = new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT_PX }));
    observer.observe(place);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [at, mean, most, begin, end, marks, format, tick, binary, choose]);
  return <div ref={element} role="img" aria-label={label} />;
}

/** A canvas knows no `light-dark()`: the browser computes the colour on an element. */
function resolved(value: string, place: HTMLElement): string {
  const probe = document.createElement("span");
  probe.style.color = value || "transparent";
  place.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
