"""The pictures of a report: which one is seen first, and beside which section each of the others is."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from nnsweep.results.plots.figure import lay_out_for
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
    "curves_by_depth": "Learning curves by depth: means over all else, with bands over seeds.",
    "curves_by_width": "Learning curves by width: means over all else, with bands over seeds.",
    "curves_by_activation": "Learning curves by activation: means over all else, with bands over seeds.",
    "curves_by_schedule": "Learning curves by schedule: means over all else, with bands over seeds.",
    "learning_curves": "Learning curves of the best runs.",
    "schedules": "The learning rates as they were, epoch by epoch.",
    "parallel": "Every configuration as a line through its settings to its result.",
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
    drawn = pictures(study.runs, study.histories or None)
    with lay_out_for(width=PHONE):
        narrow = pictures(study.runs, study.histories or None)
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
