"""The pictures of a report: which one is seen first, and beside which section each of the others is."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from nnsweep.results.plots.levels import choose_schedule_axes
from nnsweep.results.plots.map_cells import choose_map_axes
from nnsweep.results.plots.pictures import plan_pictures
from nnsweep.results.report.content import Picture, Section, SectionContent
from nnsweep.results.report.study import Study
from nnsweep.results.wording import join_words, short_name

CAPTIONS = {
    "critical_difference": "Mean ranks over the data sets.",
    "comparison_matrix": "Every pair of configurations over the data sets.",
    "performance_profile": "The share of data sets on which each configuration is within a given distance of the best.",
    "grid": "Mean {words} by {axes}.",
    "seeds": "The {words} of every run, by configuration, the best first.",
    "confusion": "Which classes the networks of the best configuration take for which, summed over its {repeats}.",
    "boundaries": "What the networks say over the range of the features, averaged over the {repeats}.",
    "reliability": "How often the best configuration is right, by how confident it is.",
    "predictions": "What the best configuration predicts of the test examples, against what is true.",
    "effects": "The share of the variance in {words} that each setting and each interaction explains.",
    "marginal_means": "Mean {words} for each value of a setting, averaged over the other settings.",
    "cost": "{Words} against the number of parameters.",
    "cost_seconds": "{Words} against training time.",
    "mean_curves": "Learning curves, averaged over the {repeats}.",
    "curves_by_depth": "Learning curves by depth, averaged over the other settings.",
    "curves_by_width": "Learning curves by width, averaged over the other settings.",
    "curves_by_activation": "Learning curves by activation, averaged over the other settings.",
    "curves_by_schedule": "Learning curves by schedule, averaged over the other settings.",
    "learning_curves": "Learning curves, a line for each run.",
    "schedules": "The learning rate in each epoch.",
    "parallel": "Each configuration as a line through the values of its settings to its {words}.",
}
"""What is to be seen in each picture, in the order in which they are shown; notes in a picture explain its marks."""
PLACES = {
    "comparison_matrix": "data_sets",
    "performance_profile": "data_sets",
    "seeds": "configurations",
    "confusion": "confusion",
    "reliability": "calibration",
    "predictions": "predictions",
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
FIRST = ("critical_difference", "grid", "seeds")
FIRST_OF_ONE = ("mean_curves", "learning_curves", "seeds")
"""What is seen first of several configurations, and of one: the first of these that there is."""


def caption_pictures(study: Study) -> list[Picture]:
    """Plan the pictures that make sense for the study, with captions; what is seen first comes first."""
    plan = plan_pictures(
        study.runs,
        study.histories or None,
        metric=study.metric,
        evaluations=study.evaluations,
        landscape=study.landscape,
    )
    if not choose_schedule_axes(study.runs):  # one course, which the learning curves show already
        plan.pop("schedules", None)
    captions = _write_captions(study)
    ranked = [*(FIRST if len(study.configurations) > 1 else FIRST_OF_ONE), *CAPTIONS]
    first = next((name for name in ranked if name in plan), None)
    names = dict.fromkeys([first, *(name for name in CAPTIONS if name in plan), *plan])
    return [Picture(name, captions.get(name, name.replace("_", " ")), plan[name]) for name in names if name]


def _write_captions(study: Study) -> dict[str, str]:
    """Write what is to be seen in the pictures of a study, in its words."""
    axes = [short_name(name).replace("_", " ") for name in choose_map_axes(study.runs) or ()]
    words = {
        "words": study.words,
        "Words": study.words[:1].upper() + study.words[1:],
        "axes": join_words(axes[::-1]),
        "repeats": f"{study.repeats.noun}s",
    }
    return {name: caption.format(**words) for name, caption in CAPTIONS.items()}


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
