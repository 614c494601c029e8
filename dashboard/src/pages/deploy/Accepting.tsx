import type { Read } from "../../api/useQuery";
import { Terms } from "../../deployment/Terms";
import type { TermsQuery } from "../../gql/graphql";
import { Button, css as parts, Skeleton } from "../../ui/parts";
import css from "./deploy.module.css";
import { useDeployText } from "./texts";

/** The terms of one version, and the buttons that install it. Whoever shows it says why they could not be read. */
export function Accepting({
  terms: { data, error, current },
  start,
  refused,
  install,
}: {
  terms: Read<TermsQuery>;
  start: boolean;
  /** Why nothing can be installed now; undefined if it can. */
  refused: string | undefined;
  /** The version is the one whose texts were shown. Without `accepted` the button's form is submitted. */
  install: (version: string, accepted: boolean) => void;
}) {
  const text = useDeployText();
  // Texts of another version, which are shown no more, must not be accepted.
  const consent = current ? data?.consent : undefined;
  const needed = (consent?.texts.length ?? 1) > 0;
  const why = refused ?? (consent ? undefined : text("deploy.readingTerms"));
  return (
    <>
      <h3>{text("deploy.terms")}</h3>
      {!consent && !error && (
        <div className={css.terms}>
          <Skeleton label={text("deploy.readingTerms")} lines={6} />
        </div>
      )}
      {consent && !needed && <p>{text("deploy.noTerms")}</p>}
      {consent && needed && (
        <>
          <p>{text("deploy.termsText", { version: consent.version })}</p>
          <Terms consent={consent} />
        </>
      )}
      <div className={parts.row}>
        <Button
          type="submit"
          kind="primary"
          disabled={why !== undefined}
          title={why}
          onClick={(event) => {
            event.preventDefault();
            if (consent) install(consent.version, true);
          }}
        >
          {text(actionOf(start, needed))}
        </Button>
        {needed && (
          <Button
            disabled={why !== undefined}
            title={why}
            onClick={() => consent && install(consent.version, false)}
          >
            {text("deploy.unaccepted")}
          </Button>
        )}
      </div>
    </>
  );
}

function actionOf(start: boolean, terms: boolean) {
  if (terms) return start ? "deploy.acceptStart" : "deploy.accept";
  return start ? "deploy.installStart" : "deploy.install";
}
