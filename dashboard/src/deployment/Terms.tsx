/** The licence and privacy texts of exactly one version, to be read before they are accepted. */
import type { TermsQuery } from "../gql/graphql";
import { Output } from "../ui/Output";
import { css as parts } from "../ui/parts";
import css from "./deployment.module.css";
import { useDeploymentText } from "./texts";

type Texts = NonNullable<TermsQuery["consent"]>;

export function Terms({ consent, names }: { consent: Texts; names?: readonly string[] }) {
  const text = useDeploymentText();
  const shown = consent.texts.filter(({ name }) => !names || names.includes(name));
  return (
    <div className={css.terms}>
      {shown.map(({ name, text: content }) => (
        <details key={name} open>
          <summary>
            {name} <span className={parts.dim}>{text("terms.of", { version: consent.version })}</span>
          </summary>
          <Output label={name} text={content} />
        </details>
      ))}
    </div>
  );
}
