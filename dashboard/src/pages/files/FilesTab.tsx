/** The files of a bot: folders, uploads, and a text that is read and edited. The address says where one is. */
import { useSearchParams } from "wouter";
import type { Instance } from "../../live/instances";
import { Card } from "../../ui/parts";
import { Folder } from "./Folder";
import { TextEditor } from "./TextEditor";
import { useFilesText } from "./texts";
import { Uploads } from "./Uploads";

export default function FilesTab({ instance: { id } }: { instance: Instance }) {
  const text = useFilesText();
  const [parameters] = useSearchParams();
  const file = parameters.get("file");
  const path = parameters.get("path") ?? "";
  return (
    <Card title={text("files.title")}>
      <Uploads instanceId={id} />
      {file ? (
        <TextEditor key={`${id} ${file}`} instanceId={id} path={file} />
      ) : (
        <Folder key={`${id} ${path}`} instanceId={id} path={path} />
      )}
    </Card>
  );
}
