"""See: how are the weights of a trained network distributed, and does the Laplacian predict the threshold?"""

import streamlit as st

from pruneviz.charts import layers as layer_charts
from pruneviz.charts import weights as weight_charts
from pruneviz.studio import bench, curves, insight, panels, show, words
from pruneviz.studio.scrubber import scrubber

recipe = bench.recipe_now()
shapes = {shape.name: shape for shape in insight.shapes(recipe.subject)}
shape = shapes.get(recipe.layer) or max(shapes.values(), key=lambda one: one.weights)

st.title(weight_charts.verdict(shape), anchor=False)
with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="choices"):
    bench.select("layer", "layer", [*shapes], lambda name: shapes[name].label, shown=shape.name, width=260)
    bench.choose("weights", "shape", ("signed", "absolute"), {"signed": "w", "absolute": "|w|"}.get)
    bench.choose("axis", "axis", ("linear", "log"))

sweep, curve = curves.layer_sweep(recipe, shape.name), curves.layer_curve(recipe, shape.name)
panel = panels.layer(recipe, shape, curve, sweep, curves.layer_report(recipe, shape.name))
scrubber([panel], key="weights", on_commit=bench.take_commit)
curves.watch([curve])
st.markdown(words.threshold(shape, recipe.amount))
st.markdown(words.shape())

left, right = st.columns(2, gap="large")
with left:
    show.chart(weight_charts.survival(shape), key="survival")
    st.markdown(words.survival())
with right:
    show.chart(weight_charts.lorenz(shape, round(100 * recipe.amount)), key="lorenz")
    st.markdown(words.lorenz())

left, right = st.columns(2, gap="large")
with left:
    show.chart(layer_charts.layers([*shapes.values()]), key="layers")
with right:
    damage, n, source = insight.damage(recipe)
    show.chart(layer_charts.damage(damage), key="damage")
    st.markdown(words.damage(n, source))
with st.expander("What cannot be pruned, and why"):
    st.markdown(words.skipped(insight.skipped(recipe.subject)))
