/** A chart of one figure over time, drawn by uPlot. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

const HEIGHT_PX = 190;

export function Chart({
  at,
  values,
  span,
  label,
  format,
}: {
  /** Seconds since 1970. */
  at: readonly number[];
  /** The first and the last second that the chart shows, whatever was recorded between. */
  span: readonly [number, number];
  values: readonly number[];
  label: string;
  format: (value: number) => string;
}) {
  const element = useRef<HTMLDivElement>(null);
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
    const plot = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT_PX,
        legend: { show: false },
        series: [{}, { stroke: colour("--accent"), width: 1.5, fill: `${colour("--accent-soft")}` }],
        axes: [axis, { ...axis, size: 74, values: (_, ticks) => ticks.map(format) }],
        scales: { x: { range: () => [span[0], span[1]] }, y: { range: (_, _min, max) => [0, max || 1] } },
      },
      [[...at], [...values]],
      place,
    );
    const observer = new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT_PX }));
    observer.observe(place);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [at, values, span, format]);
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
