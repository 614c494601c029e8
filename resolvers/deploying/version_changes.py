"""Which changes of version are refused unless they are forced: the data of a bot fits its version and newer ones, and nothing
but a rollback returns to what an older version can read."""

from bots import release
from mailauncher.errors import DuplicateResource, InvalidParameter
from resolvers.deploying.selection import Selection
from resolvers.views import BackupView
from store.records import InstanceRecord


def require_upgrade(record: InstanceRecord, selection: Selection) -> None:
    """Raises DuplicateResource for the version that is there already, InvalidParameter for an older one. A branch is never
    the version that is there: it moves."""
    present, wanted = record.version, selection.version
    if present == wanted and not selection.is_branch:
        raise DuplicateResource(
            f"实例 {record.name} 已是 {wanted}；要重新安装，请使用 force（--force）",
            f"Instance {record.name} is {wanted} already; to install it again, use force (--force)",
            field="version",
        )
    old, new = release.key(present), release.key(wanted)
    if old is not None and new is not None and new < old:
        raise InvalidParameter(
            f"{wanted} 比实例 {record.name} 的 {present} 旧，未必能读取其数据：用 rollback 回到上次升级前的版本与数据，"
            "或使用 force（--force）仍然更换",
            f"{wanted} is older than {present} of instance {record.name}, and may not be able to read its data: return to the "
            "version and data before the last upgrade with rollback, or change it all the same with force (--force)",
            field="force",
        )


def require_same(record: InstanceRecord, backup: BackupView) -> None:
    """Raises InvalidParameter for a backup of another version."""
    if backup.version != record.version:
        raise InvalidParameter(
            f"备份 {backup.id} 属于版本 {backup.version}，而实例 {record.name} 是 {record.version}：先换到那个版本（rollback，"
            "或 upgrade --version，较旧的加上 --force），或加上 force（--force）仍然使用它",
            f"Backup {backup.id} is of version {backup.version}, but instance {record.name} is {record.version}: change to that "
            "version first (rollback, or upgrade --version, with --force for an older one), or use it all the same with "
            "force (--force)",
            field="force",
        )
