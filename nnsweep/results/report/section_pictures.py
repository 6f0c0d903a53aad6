"""The pictures of a report: which one is seen first, and beside which section each of the others is."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from nnsweep.results.plots.figure import lay_out_for
from nnsweep.results.plots.pictures import pictures
from nnsweep.results.report.content import Picture, Section, SectionContent
from nnsweep.results.report.study import Study

CAPTIONS = {
    "critical_difference": "Mean ranks over the data sets; bars join configurations without significant differences.",
    "comparison_matrix": "Every pair of configurations over the data sets: mean difference, wins and losses, and p.",
    "performance_profile": "The share of data sets on which each configuration is within a given distance of the best.",
    "grid": "Means by the two settings that vary most; the best is framed.",
    "seeds": "Every run of the best configurations, with their means and simultaneous intervals.",
    "effects": "The share of the variance explained by each setting and each interaction, and the residual.",
    "marginal_means": "The mean for each value of a setting, averaged over the other settings, with its interval.",
    "cost": "Accuracy against the number of parameters, with the Pareto front.",
    "cost_seconds": "Accuracy against training time in seconds, with the Pareto front.",
    "mean_curves": "Mean learning curves of the best configurations, with bands.",
    "curves_by_depth": "Mean learning curves by depth, averaged over the other settings, with bands.",
    "curves_by_width": "Mean learning curves by width, averaged over the other settings, with bands.",
    "curves_by_activation": "Mean learning curves by activation, averaged over the other settings, with bands.",
    "curves_by_schedule": "Mean learning curves by schedule, averaged over the other settings, with bands.",
    "learning_curves": "Learning curves of the best runs.",
    "schedules": "The learning rate in each epoch.",
    "parallel": "Each configuration as a line through the values of its settings to its result.",
}
"""What is to be seen in each picture, in the order in which they are shown."""
PLACES = {
    "comparison_matrix": "data_sets",
    "performance_profile": "data_sets",
    "seeds": "configurations",
    "effects": "effects",
    "marginal_means": "marginal_means",
    "cost": "cost",
    "cost_seconds": "cost",
    "mean_curves": "outcomes",
    "curves_by_depth": "outcomes",
    "curves_by_width": "outcomes",
    "curves_by_activation": "outcomes",
    "curves_by_schedule": "outcomes",
    "learning_curves": "outcomes",
    "schedules": "outcomes",
}
"""The section that each picture belongs to; the others are in a section of their own."""
PHONE = 3.6
"""Inches that the screen of a phone has room for."""
FIRST = ("critical_difference", "grid", "seeds")
FIRST_OF_ONE = ("mean_curves", "learning_curves", "seeds")
"""What is seen first of several configurations, and of one: the first of these that there is."""


def caption_pictures(study: Study) -> list[Picture]:
    """Draw the pictures that make sense for the study, with captions; what is seen first comes first."""
    drawn = pictures(study.runs, study.histories or None, metric=study.metric)
    with lay_out_for(width=PHONE):
        narrow = pictures(study.runs, study.histories or None, metric=study.metric)
    ranked = [*(FIRST if len(study.configurations) > 1 else FIRST_OF_ONE), *CAPTIONS]
    first = next((name for name in ranked if name in drawn), None)
    names = dict.fromkeys([first, *(name for name in CAPTIONS if name in drawn), *drawn])
    return [
        Picture(name, CAPTIONS.get(name, name.replace("_", " ")), drawn[name], narrow[name]) for name in names if name
    ]


def place_pictures(sections: Iterable[SectionContent], drawn: Sequence[Picture]) -> list[SectionContent]:
    """Put each picture into the section that it belongs to, or else into that of the pictures.

    A section of pictures that stays without any is left out.
    """
    sections = [*sections]
    names = {section.name for section in sections}
    homes = [PLACES.get(picture.name, Pictures.name) for picture in drawn]
    homes = [home if home in names else Pictures.name for home in homes]
    placed = [
        replace(
            section,
            pictures=(
                *section.pictures,
                *(picture for picture, home in zip(drawn, homes, strict=True) if home == section.name),
            ),
        )
        for section in sections
    ]
    return [section for section in placed if section.name != Pictures.name or section.pictures]


class Pictures(Section):
    """The pictures that belong to no other section; `place_pictures` puts them there."""

    order = 110
    scope = "either"
    name = "pictures"

    def build(self, study: Study) -> SectionContent:
        return SectionContent(name=self.name, heading="Further pictures")
