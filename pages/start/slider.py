"""Start: what happens when you remove most of a trained network's weights?"""

import streamlit as st

from pruneviz import findings
from pruneviz.studio import bench, catalogue, curves, kitchen, panels, words
from pruneviz.studio.scrubber import scrubber

recipe = bench.recipe_now()
report = kitchen.first_report(recipe)
curve, baseline = curves.curve(recipe)[0], curves.baseline(recipe)

st.title(findings.headline(report), anchor=False)
st.caption(words.start(report, curve, len(recipe.own_amounts())))

with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="choices"):
    bench.choose("criterion", "criterion", catalogue.order(), lambda key: catalogue.criteria()[key].name)
    bench.choose("compared", "scope", [*catalogue.scopes()], lambda key: catalogue.scopes()[key].name)

scrubber(
    [
        panels.hero(
            recipe,
            report,
            curve,
            curves.sweep(recipe),
            title=catalogue.criteria()[recipe.criterion].name,
            baseline=baseline if recipe.criterion != "random" else None,
            tuned=curves.tuned(recipe),
            trail=bench.trail(),
        )
    ],
    key="hero",
    challenges=True,
    guess=recipe.guess,
    on_commit=bench.take_commit,
)
curves.watch([curve, baseline])

left, right = st.columns(2, gap="large")
with left:
    st.subheader(words.why_title(report), anchor=False)
    st.markdown(words.why(report, recipe.criterion))
with right:
    st.subheader(f"How «{catalogue.criteria()[recipe.criterion].name}» decides", anchor=False)
    words.criterion(recipe.criterion)
    st.subheader(f"Compared {catalogue.scopes()[recipe.scope].name}", anchor=False)
    words.scope(recipe.scope)
st.caption(words.evidence(report, curve))
