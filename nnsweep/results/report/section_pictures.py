"""The pictures of a report, each with a sentence on what is to be seen."""

from nnsweep.results.plots.pictures import pictures
from nnsweep.results.report.content import Picture, Section, SectionContent
from nnsweep.results.report.study import Study

CAPTIONS = {
    "critical_difference": "Mean ranks over the data sets; a bar joins what cannot be told apart.",
    "comparison_matrix": "Every pair of configurations over the data sets: difference, data sets won and lost, and p.",
    "performance_profile": "On what share of the data sets each configuration is how near to the best.",
    "grid": "Means by the two settings that vary most, a panel for each other choice; the best is framed.",
    "seeds": "Every run of the best configurations, with mean and simultaneous interval.",
    "effects": "The share of the variance that each setting, each pair of them and chance account for.",
    "marginal_means": "The mean of each value of a setting over the other settings, with its interval.",
    "cost": "Accuracy against the number of parameters, with the front that nothing cheaper reaches.",
    "cost_seconds": "Accuracy against seconds of training, with the front that nothing cheaper reaches.",
    "mean_curves": "Learning curves of the best configurations: means, with bands.",
    "learning_curves": "Learning curves of the best runs.",
    "schedules": "The learning rates as they were, epoch by epoch.",
    "parallel": "Every configuration as a line through its settings to its result.",
}
"""What is to be seen in each picture, in the order in which they are shown."""


class Pictures(Section):
    """The pictures that make sense for the study."""

    order = 110
    scope = "either"

    def build(self, study: Study) -> SectionContent | None:
        drawn = pictures(study.runs, study.histories or None)
        names = [*(name for name in CAPTIONS if name in drawn), *(name for name in drawn if name not in CAPTIONS)]
        if not names:
            return None
        shown = tuple(Picture(name, CAPTIONS.get(name, name.replace("_", " ")), drawn[name]) for name in names)
        return SectionContent(name="pictures", heading="Pictures", pictures=shown)
