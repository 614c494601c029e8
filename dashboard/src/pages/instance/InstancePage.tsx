/** One bot: what it is doing and why, what can be done, its terminals, log, figures, events and settings. */
import { lazy, Suspense, useEffect } from "react";
import { Link, Redirect } from "wouter";
import { connection, reconnect } from "../../api/connection";
import { useQuery } from "../../api/useQuery";
import { ServicesOfDocument, TakenPortsOfDocument } from "../../gql/graphql";
import { useText } from "../../i18n/text";
import { events } from "../../live/events";
import { type Instance, instances } from "../../live/instances";
import { followUsage } from "../../live/usage";
import { css as parts, Skeleton, Unread } from "../../ui/parts";
import { useStore } from "../../ui/store";
import { Doors } from "./Doors";
import { Header } from "./Header";
import css from "./instance.module.css";
import { MissingServices } from "./MissingServices";
import { Programs } from "./Programs";
import { Settings } from "./Settings";
import { TakenPorts } from "./TakenPorts";
import { Trouble } from "./Trouble";

const TABS = {
  terminal: lazy(() => import("../../terminal/Terminals")),
  log: lazy(() => import("../../terminal/LogView")),
  configuration: lazy(() => import("./configuration/Configuration")),
  emojis: lazy(() => import("../emojis/Emojis")),
  persons: lazy(() => import("../persons/Persons")),
  files: lazy(() => import("../files/FilesTab")),
  versions: lazy(() => import("./versions/VersionsTab")),
  history: lazy(() => import("../history/HistoryTab")),
  settings: Settings,
};
const NAMES = Object.keys(TABS) as Tab[];
type Tab = keyof typeof TABS;
/** Tabs of the former release, which addresses that were kept may have, and what shows the same now. */
const FORMER = new Map<string, Tab>([
  ["usage", "history"],
  ["events", "history"],
]);

export default function InstancePage({ id, tab }: { id: string; tab: string }) {
  const text = useText();
  const { byId, at, error } = useStore(instances);
  useEffect(followUsage, []);
  const instance = byId.get(id);
  const known = NAMES.find((name) => name === tab);
  if (!known) return <Redirect to={`/instances/${id}/${FORMER.get(tab) ?? "terminal"}`} replace />;
  if (instance) return <Found instance={instance} tab={known} />;
  if (at === undefined && error) return <Unread error={error} again={reconnect} />;
  if (at === undefined) return <Skeleton label={text("list.loading")} lines={8} />;
  return (
    <div className={parts.card}>
      <h1>{text("bot.missing")}</h1>
      <p>{text("bot.missingText")}</p>
      <p>
        <Link href="/">{text("bot.back")}</Link>
      </p>
    </div>
  );
}

function Found({ instance, tab }: { instance: Instance; tab: Tab }) {
  const text = useText();
  const Opened = TABS[tab];
  const connected = useStore(connection).is === "connected";
  const { services, ports } = useServices(instance);
  const found = services.data?.instance;
  const read = (found || services.error) && (ports.data || ports.error);
  // They have their place before anything is below them, so that nothing jumps.
  if (!read && connected) return <Skeleton label={text("list.loading")} lines={8} />;
  return (
    <>
      <Header instance={instance} />
      <Trouble instance={instance} />
      <TakenPorts instance={instance} read={ports} />
      {found && <MissingServices instance={instance} services={found} />}
      {services.error && <Unread error={services.error} again={services.again} />}
      <div className={tab === NAMES[0] ? css.programsOf : css.programsOnWide}>
        <Doors instance={instance} />
        <Programs instance={instance} plugins={found?.hostedServices ?? []} />
      </div>
      <nav className={parts.tabs} aria-label={text("bot.tabs")}>
        {NAMES.map((name) => (
          <Link
            key={name}
            href={`/instances/${instance.id}/${name}`}
            className={parts.tab}
            aria-current={name === tab ? "page" : undefined}
          >
            {text(`bot.${name}`)}
          </Link>
        ))}
      </nav>
      <Suspense fallback={<Skeleton label={text("list.loading")} lines={8} />}>
        <Opened instance={instance} />
      </Suspense>
    </>
  );
}

/** What of an instance changes without an event of its own, but for a line of the journal. */
function useServices({ id, version, failure, services }: Instance) {
  const latest = useStore(events)?.find(({ instanceId }) => instanceId === id)?.id;
  const failed = [failure, ...services.map((service) => service.failure)].some(Boolean);
  const state = `${version} ${latest}`;
  return {
    services: useQuery(ServicesOfDocument, { id }, state),
    // A query of its own: not everyone who may see the services may see who has a port.
    ports: useQuery(TakenPortsOfDocument, { id, failed }, state),
  };
}
