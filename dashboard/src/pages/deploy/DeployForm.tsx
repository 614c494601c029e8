import { useCallback, useState } from "react";
import { Link, useLocation } from "wouter";
import { command } from "../../api/connection";
import { UnknownOutcome } from "../../api/errors";
import { useQuery } from "../../api/useQuery";
import { useCommands } from "../../app/useCommand";
import { useVersions, VersionChoice } from "../../deployment/VersionChoice";
import {
  DeployDocument,
  type DeployInstanceInput,
  DeployPreviewDocument,
  type OffersQuery,
  TermsDocument,
} from "../../gql/graphql";
import { useText } from "../../i18n/text";
import { Problems } from "../../ui/Problems";
import { Button, Card, css as parts, Skeleton, Unreads } from "../../ui/parts";
import { useSettled } from "../../ui/useSettled";
import { Accepting } from "./Accepting";
import { Deployments } from "./Deployments";
import css from "./deploy.module.css";
import { inputOf, otherPorts, useWanted, type Wanted } from "./draft";
import { FreePorts } from "./FreePorts";
import { Proposal } from "./Proposal";
import { Services } from "./Services";
import { useDeployText } from "./texts";

/** The fields that show beside them why they are refused. */
const FIELDS = ["name", "path", "port", "services"];

export function DeployForm({ offers }: { offers: OffersQuery }) {
  const text = useDeployText();
  const shared = useText();
  const { value: wanted, changed, ...draft } = useWanted();
  const [, go] = useLocation();
  const { during, busy, refused } = useCommands();
  const [failure, setFailure] = useState<Error>();
  const offered = offers.deployServices.map(({ name }) => name);
  const asked = JSON.stringify(inputOf(wanted, offered, true));
  const settled = useSettled(asked);
  const preview = useQuery(DeployPreviewDocument, { input: JSON.parse(settled) as DeployInstanceInput });
  const found = preview.data?.deployPreview;
  const versions = useVersions(wanted.recipe);
  const terms = useQuery(TermsDocument, { version: wanted.version, recipe: wanted.recipe });
  const problems = found?.problems ?? [];
  const change = (part: Partial<Wanted>) => {
    setFailure(undefined);
    draft.change(part);
  };
  const name = wanted.name ?? found?.name ?? "";
  const install = async (version: string, accepted: boolean) => {
    const input = inputOf({ ...wanted, name, version }, offered, accepted);
    try {
      const { deployInstance } = await during(command(DeployDocument, { input }));
      draft.forget();
      go(`/deploy/${deployInstance?.deployment.instanceId}`);
    } catch (error) {
      setFailure(error as Error);
    }
  };
  const focus = useCallback((input: HTMLInputElement | null) => {
    if (!matchMedia("(pointer: coarse)").matches) input?.focus({ preventScroll: true });
  }, []);
  // Its parts have their place once it is known what is in them, so that nothing jumps.
  if ((!found && !preview.error) || (!versions.data && !versions.error))
    return (
      <Card title={text("deploy.what")}>
        <Skeleton label={text("deploy.reading")} lines={14} />
      </Card>
    );
  const wrong = settled === asked && preview.current && problems.length > 0;
  const reading = busy || (!found && !preview.error);
  const why = reading ? text("deploy.reading") : wrong || !found ? text("deploy.mend") : undefined;
  return (
    <>
      <form className={css.columns} onSubmit={(event) => event.preventDefault()}>
        <Card title={text("deploy.what")}>
          {offers.deployRecipes.recipes.length > 1 && (
            <label className={parts.field}>
              {text("deploy.recipe")}
              <select
                className={css.choice}
                value={wanted.recipe}
                onChange={(event) => change({ recipe: event.target.value, version: "latest" })}
              >
                {offers.deployRecipes.recipes.map((recipe) => (
                  <option key={recipe.name} value={recipe.name}>
                    {recipe.description} ({recipe.name})
                  </option>
                ))}
              </select>
            </label>
          )}
          <label className={parts.field}>
            {text("deploy.name")}
            <input
              ref={focus}
              value={name}
              aria-describedby="name-problem"
              onChange={(event) => change({ name: event.target.value })}
            />
          </label>
          <Problems id="name-problem" of={problems} field="name" />
          <VersionChoice
            versions={versions}
            version={wanted.version}
            choose={(version) => change({ version })}
          />
          <label className={parts.field}>
            {text("deploy.folder")}
            <input
              className={css.choice}
              title={wanted.path ?? found?.path}
              value={wanted.path ?? found?.path ?? ""}
              aria-describedby="path-problem"
              onChange={(event) => change({ path: event.target.value })}
            />
          </label>
          <Problems id="path-problem" of={problems} field="path" />
          <Services
            offers={offers.deployServices}
            wanted={wanted}
            change={change}
            ports={found?.ports ?? []}
          />
          <Problems of={problems} field="port" />
          <Problems of={problems} field="services" />
          <FreePorts
            others={otherPorts(wanted, problems, found?.ports ?? [])}
            wanted={wanted}
            change={change}
          />
          <label className={parts.check}>
            <input
              type="checkbox"
              checked={wanted.start}
              onChange={(event) => change({ start: event.target.checked })}
            />
            {text("deploy.start")}
          </label>
          {changed && (
            <div className={parts.row}>
              <Button small onClick={draft.forget}>
                {text("deploy.proposed")}
              </Button>
            </div>
          )}
        </Card>
        <Card title={text("deploy.check")}>
          <Unreads of={[preview, versions, terms]} />
          {found && <Proposal found={found} />}
          <Problems of={problems} fields={FIELDS} />
          <Accepting
            terms={terms}
            start={wanted.start}
            refused={refused ?? why}
            install={(version, accepted) => void install(version, accepted)}
          />
          {failure && (
            <div className={parts.problem} role="alert">
              {failure instanceof UnknownOutcome
                ? shared("do.unknown", { name })
                : text("deploy.refused", { message: failure.message })}
            </div>
          )}
          <p className={parts.dim}>
            <Link href="/add">{text("deploy.toAdd")}</Link>
          </p>
          {offers.deployRecipes.problems.map(({ file, problem }) => (
            <p key={file} className={parts.dim}>
              {text("deploy.broken", { file, problem })}
            </p>
          ))}
        </Card>
      </form>
      <Deployments />
    </>
  );
}
