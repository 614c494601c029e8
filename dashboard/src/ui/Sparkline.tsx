/** A line without axes: how something went lately. */
export function Sparkline({
  values,
  label,
  width = 96,
  height = 26,
  max,
}: {
  values: readonly number[];
  label: string;
  width?: number;
  height?: number;
  max?: number;
}) {
  const top = Math.max(max ?? 0, ...values, 1e-9);
  const step = values.length > 1 ? width / (values.length - 1) : width;
  const points = values.map(
    (value, index) =>
      `${(index * step).toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`,
  );
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      {points.length > 1 && (
        <>
          <polygon
            points={`0,${height} ${points.join(" ")} ${width},${height}`}
            fill="var(--accent)"
            opacity="0.14"
          />
          <polyline points={points.join(" ")} fill="none" stroke="var(--accent)" strokeWidth="1.5" />
        </>
      )}
    </svg>
  );
}
