"""What kind of processor the machine has."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/processor-model",
    confidence=Confidence.LIKELY,
    what="the model, the features or the speed of the build machine's processor is written in it",
    fix="choose the target by name (-march=x86-64-v2) and leave what the machine has out;"
    " -march=native makes programs that only run there",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="machine",
)

DETECTOR = detector(
    _CAUSE,
    Shape(
        value=r"\S+",
        name=r"\bcpu[ _-]?(?:mhz|model|freq\w*|flags|name|info|family)|\bmhz\b|bogomips|"
        r"microcode|model name|stepping|march",
        line=r"\A(?:cpu MHz|bogomips|BogoMIPS|model name|flags|Features|stepping|microcode|"
        r"cache size|vendor_id|cpu family|model|apicid|initial apicid|core id|"
        r"physical id|siblings|cpu cores|CPU \w+)\s*\t: ",
    ),
    rank=23,
)
