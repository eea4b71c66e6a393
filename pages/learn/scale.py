"""Learn: how far were large models pruned, what is commonly said of it, and where does one's own model stand?"""

import streamlit as st

from pruneviz.charts import perplexity
from pruneviz.charts import scale as charts
from pruneviz.scale import OPT, STUDIES
from pruneviz.studio import bench, choices, curves, scale, show

recipe = bench.recipe_now()
mine = scale.own(recipe)

st.title(scale.headline(mine), anchor=False)
choices.all_of_it(recipe)

show.chart(charts.published(STUDIES, mine), key="published")
curves.watch([mine.curve if mine else None])
st.markdown(scale.how_to_read(mine))

st.header("Row by row", anchor=False)
st.markdown(scale.rows())

st.header("Language models count differently", anchor=False)
show.chart(perplexity.perplexities(OPT, mine), key="perplexities")
st.markdown(scale.about_perplexity())
