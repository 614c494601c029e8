/** The frame around every page: navigation, connection, language, theme. */
import { lazy, Suspense, useState } from "react";
import { Link, Route, Switch, useRoute } from "wouter";
import { connection, reconnect } from "../api/connection";
import { signedIn, signOut } from "../api/session";
import { chooseLanguage, type Language, language } from "../i18n/language";
import { useText } from "../i18n/text";
import { Overview } from "../pages/overview/Overview";
import { Button, Skeleton } from "../ui/parts";
import { useStore } from "../ui/store";
import { CommandMenu } from "./CommandMenu";
import { ConnectionBanner } from "./ConnectionBanner";
import { ErrorBoundary } from "./ErrorBoundary";
import { NotFound } from "./NotFound";
import { ShortcutHelp } from "./ShortcutHelp";
import { SignIn } from "./SignIn";
import css from "./shell.module.css";
import { useShortcuts } from "./shortcuts";
import { chooseTheme, type Theme, theme } from "./theme";
import { Toasts, tell } from "./toasts";

const InstancePage = lazy(() => import("../pages/instance/InstancePage"));
const SearchPage = lazy(() => import("../pages/search/SearchPage"));
const EventsPage = lazy(() => import("../pages/events/EventsPage"));
const DeployPage = lazy(() => import("../pages/deploy/DeployPage"));
const DeploymentPage = lazy(() => import("../pages/deploy/DeploymentPage"));
const AddPage = lazy(() => import("../pages/deploy/AddPage"));

export function App() {
  const text = useText();
  if (useStore(connection).is === "refused") return <SignIn />;
  return (
    <>
      <a className={css.skip} href="#main">
        {text("app.skip")}
      </a>
      <Header />
      <ConnectionBanner />
      <main id="main" className={css.main}>
        <ErrorBoundary>
          <Suspense fallback={<Skeleton label={text("connection.connecting")} lines={6} />}>
            <Switch>
              <Route path="/">
                <Overview />
              </Route>
              <Route path="/search">
                <SearchPage />
              </Route>
              <Route path="/events">
                <EventsPage />
              </Route>
              <Route path="/deploy">
                <DeployPage />
              </Route>
              <Route path="/deploy/:id">{({ id }) => <DeploymentPage key={id} id={id} />}</Route>
              <Route path="/add">
                <AddPage />
              </Route>
              <Route path="/instances/:id/:tab?">
                {({ id, tab }) => <InstancePage key={id} id={id} tab={tab ?? "terminal"} />}
              </Route>
              <Route>
                <NotFound />
              </Route>
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </main>
      <Toasts />
    </>
  );
}

function Header() {
  const text = useText();
  const [open, setOpen] = useState<"menu" | "help">();
  // A dialog tells that it was closed a little later: by then another one may be open.
  const close = (closed: "menu" | "help") => () => setOpen((now) => (now === closed ? undefined : now));
  const help = () => setOpen("help");
  useShortcuts({ menu: () => setOpen("menu"), help });
  return (
    <header className={css.header}>
      <Link href="/" className={css.brand}>
        MaiLauncher
      </Link>
      <nav className={css.nav} aria-label={text("nav.main")}>
        <Page href="/" name={text("nav.overview")} />
        <Page href="/search" name={text("nav.search")} />
        <Page href="/events" name={text("nav.events")} />
        <a href="/graphql">{text("nav.explorer")}</a>
        <a href="/api/v1/docs">{text("nav.rest")}</a>
      </nav>
      <div className={css.settings}>
        <Button small onClick={() => setOpen("menu")}>
          {text("nav.menu")}
        </Button>
        <select
          aria-label={text("setting.theme")}
          value={useStore(theme)}
          onChange={(event) => chooseTheme(event.target.value as Theme)}
        >
          <option value="system">{text("theme.system")}</option>
          <option value="light">{text("theme.light")}</option>
          <option value="dark">{text("theme.dark")}</option>
        </select>
        <select
          aria-label={text("setting.language")}
          value={useStore(language)}
          onChange={(event) => {
            chooseLanguage(event.target.value as Language);
            reconnect();
          }}
        >
          <option value="zh">中文</option>
          <option value="en">English</option>
        </select>
        {useStore(signedIn) && (
          <Button
            small
            onClick={() => void signOut().then(reconnect, (error: Error) => tell(error.message, true))}
          >
            {text("signin.out")}
          </Button>
        )}
      </div>
      {open === "menu" && <CommandMenu close={close("menu")} help={help} />}
      {open === "help" && <ShortcutHelp close={close("help")} />}
    </header>
  );
}

function Page({ href, name }: { href: string; name: string }) {
  const [active] = useRoute(href);
  return (
    <Link href={href} aria-current={active ? "page" : undefined}>
      {name}
    </Link>
  );
}
