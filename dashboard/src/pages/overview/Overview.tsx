/** All bots at a glance: what needs somebody, every instance, the machine, what happened last. */
import { useEffect } from "react";
import { Link } from "wouter";
import { reconnect } from "../../api/connection";
import { useText } from "../../i18n/text";
import { isUp } from "../../live/condition";
import { followDatabase } from "../../live/database";
import { instances } from "../../live/instances";
import { followMachine } from "../../live/machine";
import { followUsage } from "../../live/usage";
import { Card, css as parts, Skeleton, Unread } from "../../ui/parts";
import { useStore } from "../../ui/store";
import { FirstRun } from "./FirstRun";
import { InstanceTable } from "./InstanceTable";
import { MachineCard } from "./MachineCard";
import { NeedsYou } from "./NeedsYou";
import css from "./overview.module.css";
import { RecentEvents } from "./RecentEvents";

export function Overview() {
  const text = useText();
  const { byId, at, error } = useStore(instances);
  useEffect(followMachine, []);
  useEffect(followUsage, []);
  useEffect(followDatabase, []);
  const all = [...byId.values()];
  return (
    <>
      <div className={css.head}>
        <h1>{text("overview.title")}</h1>
        {at !== undefined && (
          <span className={parts.dim}>
            {text("overview.count", { up: all.filter(isUp).length, all: all.length })}
          </span>
        )}
        {all.length > 0 && (
          <span className={css.ways}>
            <Link href="/deploy" className={`${parts.button} ${parts.small}`}>
              {text("nav.deploy")}
            </Link>
            <Link href="/add" className={`${parts.button} ${parts.small}`}>
              {text("nav.add")}
            </Link>
          </span>
        )}
      </div>
      {error && <Unread error={error} again={reconnect} />}
      {at === undefined && !error && (
        <Card title={text("list.title")}>
          <Skeleton label={text("list.loading")} lines={6} />
        </Card>
      )}
      {at !== undefined && all.length === 0 && <FirstRun />}
      {all.length > 0 && (
        <>
          <NeedsYou all={all} />
          <InstanceTable all={all} />
        </>
      )}
      {/* Below the list, whose length must be known: it would push them down. */}
      {(at !== undefined || error) && (
        <div className={css.columns}>
          <MachineCard />
          <RecentEvents />
        </div>
      )}
    </>
  );
}
