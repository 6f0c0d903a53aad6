"""What the networks of the best configuration do on the test part: which classes they take for which."""

from nnsweep.results.report.content import Section, SectionContent
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.evaluations import find_confused_pairs
from nnsweep.results.wording import count, percent


class Confusion(Section):
    """The classes that are taken for others most often; the picture is put beside them."""

    order = 84

    def build(self, study: Study) -> SectionContent | None:
        pooled = study.pooled_evaluation
        if pooled is None:
            return None
        confusion = pooled.confusion
        n, n_wrong = int(confusion.sum()), int(confusion.sum() - confusion.trace())
        repeats = count(len(pooled.members), pooled.repeat)
        whose = f"The {repeats} of {study.name(pooled.label)}" if len(study.configurations) > 1 else f"The {repeats}"
        if len(pooled.members) == 1:
            whose = f"{pooled.label}" if len(study.configurations) > 1 else "The network"
        share = f"{n_wrong:,} of {count(n, 'test example')} wrong ({percent(n_wrong / n)})"
        pairs = find_confused_pairs(confusion, pooled.names)
        most = "The most frequent mistakes:" if len(pairs) > 1 else "The only kind of mistake:"
        return SectionContent(
            name="confusion",
            heading="What is taken for what",
            sentences=(f"{whose} classified {share}.", *([most] if pairs else [])),
            points=tuple(
                f"{pair.true} was taken for {pair.predicted} in {pair.n:,} of {pair.n_true:,} "
                f"({percent(pair.n / pair.n_true)})"
                for pair in pairs
            ),
        )
