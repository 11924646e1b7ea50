"""The evals: how good retrieval, answers, refusals and the judge are, with intervals."""
