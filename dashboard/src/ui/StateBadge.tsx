import { useNumbers } from "../i18n/numbers";
import { useText } from "../i18n/text";
import { conditionOf } from "../live/condition";
import { type Instance, since } from "../live/instances";
import { useNow } from "./clock";
import { Badge, css } from "./parts";

/** What an instance is doing; while it starts or stops, for how long. */
export function StateBadge({ instance }: { instance: Instance }) {
  const condition = conditionOf(instance);
  const moving = { "state.stopping": "state.stoppingFor", "state.starting": "state.startingFor" } as const;
  const label = condition.label as keyof typeof moving;
  return label in moving ? (
    <Moving tone={condition.tone} label={moving[label]} at={since(instance)} />
  ) : (
    <Badge condition={condition} />
  );
}

function Moving({
  tone,
  label,
  at,
}: {
  tone: string;
  label: "state.stoppingFor" | "state.startingFor";
  at: number;
}) {
  const text = useText();
  const numbers = useNumbers();
  const duration = numbers.duration((useNow() - at) / 1000);
  return <span className={`${css.badge} ${css[tone]}`}>{text(label, { duration })}</span>;
}
