"""The comparison by test example in a report: it tells two networks apart even where each has one seed."""

from nnsweep.results.frame import rows
from nnsweep.results.report.content import Column, Section, SectionContent, Table
from nnsweep.results.report.study import Study
from nnsweep.results.wording import as_sentence, join_words, percent, probability, signed, span, whole


def describe_examples(study: Study) -> list[str]:
    """Say which configurations cannot be told from the best by the test examples."""
    found = study.by_example
    if found.attrs.get("differ"):
        return ["The runs were not all tested on the same examples, so they are not compared example by example."]
    tested = found[found["test"] != "none"]
    if not len(tested):
        return []
    untold = [study.named(label) for label in tested["label"][~tested["distinguishable"]]]
    n = f"On the {whole(float(tested['n_examples'].iloc[0]))} test examples themselves, "
    if not untold:
        return [f"{n}{'the other one differs' if len(tested) == 1 else f'all {len(tested):,} others differ'} from it."]
    return [f"{n}{len(untold):,} of {len(tested):,} cannot be told from it: {join_words(untold, 2)}."]


class ByExample(Section):
    """Each configuration against the best on the same test examples."""

    order = 50
    answers = ((60, describe_examples),)

    def build(self, study: Study) -> SectionContent | None:
        found = study.by_example
        if not len(found):
            return None
        named = str(found["reference_label"].iloc[0])
        columns = [
            Column("configuration", lambda row: study.named(row["label"]), "label"),
            Column("difference", lambda row: signed(study.accuracy(row["difference"])), "difference"),
            Column(f"own {percent(study.confidence)} interval", lambda row: span(study.accuracy, row), "low"),
            Column("only this right", lambda row: whole(row["b"]), "b", True),
            Column("only the best right", lambda row: whole(row["c"]), "c", True),
            Column("test", lambda row: str(row["test"]), "test", True),
            Column("p", lambda row: probability(row["p"]), "p", True),
            Column("p, corrected", lambda row: probability(row["p_holm"]), "p_holm"),
        ]
        if found["b"].isna().all():
            columns = [column for column in columns if column.key not in ("b", "c")]
        table = Table(
            name="examples",
            caption=f"Each configuration minus the best, {named}, on the same test examples: "
            "the networks that finished.",
            frame=found,
            columns=tuple(columns),
            untold=frozenset(
                place for place, row in enumerate(rows(found)) if row["test"] != "none" and not row["distinguishable"]
            ),
        )
        points = tuple(as_sentence(note) for note in found.attrs["notes"])
        return SectionContent(name="examples", heading="Example by example", points=points, tables=(table,))

    def method_notes(self, study: Study) -> list[str]:
        if not len(study.by_example):
            return []
        return [
            "Example by example it is McNemar's exact test, or with several seeds the sign-flip test on each example's "
            "share of right answers, and the bootstrap over examples: it speaks for these trained networks on further "
            "examples"
            + (", as the tests over seeds speak for further seeds on these examples." if study.tests else ".")
        ]
