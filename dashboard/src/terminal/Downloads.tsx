/** A terminal's log as files. The server makes them, so that they are as long as the log. */
import { useQuery } from "../api/useQuery";
import { CrashesDocument } from "../gql/graphql";
import { useText } from "../i18n/text";
import { css as parts } from "../ui/parts";

const button = `${parts.button} ${parts.small}`;

export function Downloads({ sessionId }: { sessionId: string }) {
  const text = useText();
  const instanceId = sessionId.slice(0, sessionId.lastIndexOf("_"));
  const deaths = useQuery(CrashesDocument, { instanceId }).data?.events?.edges ?? [];
  const address = `/api/v1/terminals/${encodeURIComponent(sessionId)}/log`;
  return (
    <>
      <a className={button} href={address} download>
        {text("log.download")}
      </a>
      <a
        className={button}
        href={`${address}?format=asciicast`}
        download
        title={text("log.recordingExplained")}
      >
        {text("log.recording")}
      </a>
      {deaths.some(({ node }) => node.sessionId === sessionId) && (
        <a className={button} href={`${address}?part=crash`} download title={text("log.crashExplained")}>
          {text("log.crash")}
        </a>
      )}
    </>
  );
}
