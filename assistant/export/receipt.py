"""What made an answer, in one line."""

from assistant.schema import Answer


def made_by(answer: Answer) -> str:
    """Version, model, and the hashes of corpus, prompts and encoder."""
    receipt = answer.receipt
    return (
        f"assistant {receipt.version}, {answer.model}; corpus {receipt.corpus},"
        f" prompts {receipt.prompts}, encoder {receipt.encoder}{_found(answer)}"
    )


def _found(answer: Answer) -> str:
    # Why is for who runs the server, not for who is sent the answer.
    return f"; {answer.trouble.partition(':')[0]}" if answer.trouble else ""
