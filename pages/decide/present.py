"""Decide: does the setting keep the limits that were set beforehand, and what do five slides say of it?"""

from pruneviz.studio import bench
from pruneviz.studio.present import gather, settings, slides

recipe = bench.recipe_now()
case = gather.case(recipe)

if recipe.slide:
    slides.presented(case)
else:
    settings.form(case)
