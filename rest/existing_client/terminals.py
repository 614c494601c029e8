"""The terminal that client means."""

from rest.existing_client.adding import ADAPTER, CLIENT_ADAPTER


def candidate_sessions(session_id: str) -> tuple[str, ...]:
    """The session ids to try in order: `napcat-ada` means the adapter's terminal, else NapCat's."""
    instance_id = session_id.removesuffix(f"_{CLIENT_ADAPTER}")
    if instance_id == session_id:
        return (session_id,)
    return f"{instance_id}_{ADAPTER}", f"{instance_id}_napcat"
