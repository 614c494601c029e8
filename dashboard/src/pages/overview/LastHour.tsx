import { useState } from "react";
import { useQuery } from "../../api/useQuery";
import { UsageOfDocument } from "../../gql/graphql";
import { useText } from "../../i18n/text";
import { Sparkline } from "../../ui/Sparkline";

const HOUR_MS = 3_600_000;

/** The CPU of a program's last hour, read when its row comes into view. */
export function LastHour({ session }: { session: string }) {
  const text = useText();
  const [begin] = useState(() => new Date(Date.now() - HOUR_MS).toISOString());
  const { data } = useQuery(UsageOfDocument, { begin, sessionId: session });
  return <Sparkline values={data?.usageHistory?.cpu.mean ?? []} max={10} label={text("list.hour")} />;
}
