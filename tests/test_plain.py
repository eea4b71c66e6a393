"""Names from files are words: whatever is in them, nothing of it is markup, a path or a formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz import plain

HOSTILE = ["<img src=x onerror=alert(1)>", "../../etc/passwd", "=cmd()", "a\nb", "‮gnp.exe", "\0", "😀", "![x](http://x/y)"]


@given(st.text() | st.sampled_from(HOSTILE))
def test_a_name_is_one_short_line_that_can_be_seen(name):
    for said in (plain.one_line(name), plain.file_name(name)):
        assert said.isprintable() and len(said) <= plain.LONGEST and "\n" not in said
    assert "/" not in plain.file_name(name) and "\\" not in plain.file_name(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [("C:\\Users\\me\\resnet.pth", "resnet.pth"), ("../../etc/passwd", "passwd"), ("", "unnamed"), ("a/", "unnamed")],
)
def test_a_file_is_called_by_its_last_part(name, said):
    assert plain.file_name(name) == said


def test_a_long_file_name_keeps_its_ending():
    assert plain.file_name("x" * 1000 + ".safetensors").endswith(".safetensors") and len(plain.file_name("x" * 1000)) == 128


def test_no_sign_means_anything_where_markup_is_read():
    assert plain.label("<b>&") == "&lt;b&gt;&amp;"
    assert plain.markdown("![x](http://x) `y` <z> $1$") == r"\!\[x\]\(http\://x\) \`y\` \<z\> \$1\$"


@pytest.mark.parametrize(("count", "said"), [(12, "12 bytes"), (1_234, "1.23 kB"), (97_800_000, "97.8 MB"), (2e9, "2 GB")])
def test_a_size_is_said_as_people_say_it(count, said):
    assert plain.size(count) == said
