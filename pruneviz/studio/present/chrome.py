"""Chrome: what surrounds the slides, which is as good as nothing. Type for a projector; for a telephone, type that fits."""

from __future__ import annotations

import streamlit as st

from pruneviz.recipe import Recipe

PAGE = "present"
"""The address of the page."""


def presenting(page: str, recipe: Recipe) -> bool:
    """Whether a page is a slide: then neither menu nor strip stand above it."""
    return page == PAGE and recipe.slide > 0


def style() -> None:
    """A slide fills the screen: no header, headlines of 44 pixels and more, little below 28."""
    st.html(f"<style>{_AROUND}{_TYPE}{_LIVE}{_SMALL}{_SHARED}</style>")


def preview_style() -> None:
    """In the preview, too, nothing is cut off and pixels stay pixels."""
    st.html(f"<style>{_SHARED}</style>")


_AROUND = (
    "[data-testid='stHeader'],[data-testid='stSidebar'],[data-testid='stToolbar'],"
    ":is(.st-key-status,.st-key-status-quiet){display:none!important}"
    "[data-testid='stMainBlockContainer']{padding:2.25rem 4vw 5.5rem;max-width:none}"
    ".st-key-slide{min-height:calc(100vh - 10rem);gap:1rem}"
    ".st-key-deck{position:fixed;inset:auto 0 0 0;z-index:9;padding:.5rem 4vw;background:var(--pv-ground)}"
    ":root{--pv-ground:#fff}@media(prefers-color-scheme:dark){:root{--pv-ground:#12151a}}"
)
_TYPE = (
    ".st-key-slide h1{font-size:max(2.75rem,3vw);line-height:1.15;padding:0 0 1rem;max-width:34em;text-wrap:balance}"
    ".st-key-slide :is(p,li,td,th){font-size:max(1.75rem,1.5vw);line-height:1.35}"
    ".st-key-slide h3{font-size:max(1.75rem,1.5vw);font-weight:500;padding:0}"
    ".st-key-slide .st-key-verdict-True h3{font-size:max(2.5rem,2.6vw);font-weight:700}"
    ".st-key-slide [data-testid='stMetricValue'],.st-key-slide [data-testid='stMetricValue'] *"
    "{font-size:max(3.5rem,4vw);font-weight:600;line-height:1.2}"
    ".st-key-slide [data-testid='stMetricDelta'] *{font-size:max(1.5rem,1.25vw)}"
    ".st-key-slide :is(.st-key-setting-True,.st-key-fine,[data-testid='stExpander']) p{font-size:max(1.375rem,1.15vw)}"
    ".st-key-slide [data-testid='stExpander'] :is(td,th){font-size:1.125rem}"
)
# The live slider is the first page's, which is read from a chair, not from the last row.
_LIVE = (
    ".st-key-what-if .pv-title,.st-key-what-if h3{display:none}"
    "@media(min-width:1001px){.st-key-what-if{zoom:1.13}}"
    "@media(min-width:1600px) and (min-height:1000px){.st-key-what-if{zoom:1.45}}"
)
_SMALL = (
    "@media(max-width:1000px){"
    ".st-key-slide h1{font-size:clamp(1.6rem,6vw,2.75rem)}"
    ".st-key-slide :is(p,li,td,th,h3),.st-key-slide :is(.st-key-setting-True,.st-key-fine) p{font-size:1.125rem!important}"
    ".st-key-slide .st-key-verdict-True h3{font-size:1.6rem!important}"
    ".st-key-slide .st-key-verdict-True :is(td,th){font-size:1rem!important;padding-right:.6rem}"
    ".st-key-slide [data-testid='stMetricValue'],.st-key-slide [data-testid='stMetricValue'] *{font-size:2.25rem!important}"
    ".st-key-slide [data-testid='stMetricDelta'] *{font-size:1.125rem!important}"
    ".st-key-tiles-True [data-testid='stHorizontalBlock']{row-gap:0}}"
)
_SHARED = (
    ":is(.st-key-slide,.st-key-preview) [data-testid='stMetricDelta']{background:none;padding:0}"
    ":is(.st-key-slide,.st-key-preview) [data-testid='stMetricDelta'],"
    ":is(.st-key-slide,.st-key-preview) [data-testid='stMetricDelta'] *{white-space:normal;overflow:visible}"
    ":is(.st-key-slide,.st-key-preview) [data-testid='stImage'] img{image-rendering:pixelated}"
    ":is(.st-key-examples-True,.st-key-examples-False) [data-testid='stHorizontalBlock']{flex-wrap:nowrap}"
    ":is(.st-key-examples-True,.st-key-examples-False) [data-testid='stColumn']{min-width:0;flex:1 1 0}"
    ":is(.st-key-verdict,.st-key-verdict-False,.st-key-verdict-True) :is(td,th){padding:.3rem 1.5rem .3rem 0;"
    "border-inline:none}"
)
