/** From nothing to a running bot: everything is proposed and checked already, and the terms are read here. */
import { useQuery } from "../../api/useQuery";
import { OffersDocument } from "../../gql/graphql";
import { Card, Skeleton, Unread } from "../../ui/parts";
import { DeployForm } from "./DeployForm";
import { useDeployText } from "./texts";

export default function DeployPage() {
  const text = useDeployText();
  const { data, error, again } = useQuery(OffersDocument, {});
  return (
    <>
      <h1>{text("deploy.title")}</h1>
      {error && <Unread error={error} again={again} />}
      {!data && !error && (
        <Card title={text("deploy.what")}>
          <Skeleton label={text("deploy.reading")} lines={14} />
        </Card>
      )}
      {data && <DeployForm offers={data} />}
    </>
  );
}
