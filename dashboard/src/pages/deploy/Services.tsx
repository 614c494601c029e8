import type { DeployPreviewQuery, OffersQuery } from "../../gql/graphql";
import { css as parts } from "../../ui/parts";
import css from "./deploy.module.css";
import type { Wanted } from "./draft";
import { useDeployText } from "./texts";

type Ports = NonNullable<DeployPreviewQuery["deployPreview"]>["ports"];

/** Which services are installed along, and the port of each program. */
export function Services({
  offers,
  wanted,
  change,
  ports,
}: {
  offers: OffersQuery["deployServices"];
  wanted: Wanted;
  change: (part: Partial<Wanted>) => void;
  ports: Ports;
}) {
  const text = useDeployText();
  const chosen = wanted.services ?? offers.map(({ name }) => name);
  const proposed = (name: string) => ports.find((each) => each.name === name)?.port;
  const choose = (name: string, on: boolean) =>
    change({
      services: offers
        .map((service) => service.name)
        .filter((each) => (each === name ? on : chosen.includes(each))),
    });
  const port = (program: string, label: string) => (
    <input
      className={css.port}
      inputMode="numeric"
      aria-label={text("deploy.portOf", { name: label })}
      value={wanted.ports[program] ?? proposed(program) ?? ""}
      onChange={(event) => change({ ports: { ...wanted.ports, [program]: event.target.value } })}
    />
  );
  const others = ports.filter(
    ({ name }) => name !== "main" && !offers.some((service) => service.name === name),
  );
  return (
    <fieldset className={css.programs}>
      <legend>{text("deploy.programs")}</legend>
      <div className={css.program}>
        <span>{text("deploy.main")}</span>
        {port("main", text("deploy.main"))}
      </div>
      {offers.map(({ name, title, description }) => (
        <div key={name} className={css.program}>
          <label className={parts.check}>
            <input
              type="checkbox"
              checked={chosen.includes(name)}
              onChange={(event) => choose(name, event.target.checked)}
            />
            <span>
              {title} <span className={parts.dim}>{description}</span>
            </span>
          </label>
          {chosen.includes(name) && (proposed(name) !== undefined || wanted.ports[name]) ? (
            port(name, title)
          ) : (
            <span />
          )}
        </div>
      ))}
      {others.length > 0 && (
        <p className={parts.dim}>
          {text("deploy.otherPorts", { ports: others.map(({ name, port }) => `${name} ${port}`).join(", ") })}
        </p>
      )}
    </fieldset>
  );
}
