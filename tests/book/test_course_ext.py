"""Addresses are derived from the CI's variables or the git remote, and otherwise left out."""

import subprocess
from pathlib import Path

import pytest
from sphinx.errors import ConfigError

import course
from course import Repository, find_repository, parse_address, site_options, theme_options, wanted_scripts

GITHUB = ("github", "https://github.com", "someone/course")


def git_that_answers(answers):
    """Stand in for git: what is not in ``answers`` fails, as git says with an empty answer here."""
    return lambda *args: {"rev-parse --is-inside-work-tree": "true", **answers}.get(" ".join(args), "")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://github.com/someone/course", GITHUB),
        ("https://github.com/someone/course/", GITHUB),
        ("https://github.com/someone/course.git", GITHUB),
        ("https://www.github.com/someone/course.git", GITHUB),
        ("https://GitHub.com/someone/course.git", GITHUB),
        ("http://github.com/someone/course", GITHUB),
        ("https://user:secret@github.com/someone/course.git", GITHUB),
        ("https://x-access-token:secret@github.com/someone/course", GITHUB),
        ("git@github.com:someone/course.git", GITHUB),
        ("github.com:someone/course", GITHUB),
        ("ssh://git@github.com/someone/course.git", GITHUB),
        ("ssh://git@ssh.github.com:443/someone/course.git", GITHUB),
        ("git://github.com/someone/course.git", GITHUB),
        ("git@gitlab.com:group/sub/course.git", ("gitlab", "https://gitlab.com", "group/sub/course")),
        ("https://gitlab.example.org:8443/a/b", ("gitlab", "https://gitlab.example.org:8443", "a/b")),
        ("git@bitbucket.org:someone/course.git", ("bitbucket", "https://bitbucket.org", "someone/course")),
    ],
)
def test_addresses_a_browser_can_open(address, expected):
    assert parse_address(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/srv/git/course.git",
        "../course",
        "file:///srv/git/course.git",
        "C:/repositories/course.git",
        "git@example.org:someone/course.git",
        "https://example.org/github/course",
        "https://mygithub.com/someone/course",
        "https://github.com/someone",
        "https://github.com/",
        "git@github-work:someone/course.git",
        "git@github:someone/course.git",
        "https://github.com/someone/co urse",
        'https://github.com/someone/"><script>',
    ],
)
def test_addresses_that_give_no_link(address):
    assert parse_address(address) is None


def test_ci_variables_come_first():
    env = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "fork/course",
        "GITHUB_REF_NAME": "topic",
    }
    git = git_that_answers({"remote get-url origin": "git@github.com:someone/course.git"})
    assert find_repository(env, git) == Repository("github", "https://github.com", "fork/course", "topic")


def test_a_pull_request_points_at_the_branch_it_aims_at():
    env = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "someone/course",
        "GITHUB_REF_NAME": "12/merge",
        "GITHUB_BASE_REF": "main",
    }
    found = find_repository(env, git_that_answers({}))
    assert found is not None
    assert found.branch == "main"


def test_ci_on_an_unknown_host_gives_no_buttons():
    """Forgejo sets the same variables, but its pages have other addresses."""
    env = {"GITHUB_SERVER_URL": "https://code.example.org", "GITHUB_REPOSITORY": "someone/course"}
    assert find_repository(env, git_that_answers({})) is None


@pytest.mark.parametrize(
    ("answers", "branch"),
    [
        ({"rev-parse --abbrev-ref @{upstream}": "origin/topic/two"}, "topic/two"),
        ({"rev-parse --abbrev-ref @{upstream}": "fork/mine"}, "main"),
        ({"symbolic-ref --short refs/remotes/origin/HEAD": "origin/trunk"}, "trunk"),
        ({}, "main"),
    ],
)
def test_a_checkout_links_to_a_branch_that_the_remote_has(answers, branch):
    git = git_that_answers({"remote get-url origin": "git@github.com:someone/course.git", **answers})
    assert find_repository({}, git) == Repository(*GITHUB, branch=branch)


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"remote get-url origin": "/srv/git/course.git"},
        {"rev-parse --is-inside-work-tree": "", "remote get-url origin": "git@github.com:a/b"},
        {"rev-parse --show-prefix": "vendored/course/", "remote get-url origin": "git@github.com:a/b"},
    ],
    ids=["no remote", "a local path", "no checkout", "a folder of another checkout"],
)
def test_nothing_is_invented(answers):
    assert find_repository({}, git_that_answers(answers)) is None


def test_with_git_itself(tmp_path):
    def run(*args):
        subprocess.run(["git", "-C", str(tmp_path), *args], check=True, capture_output=True)

    git = course.git_in(tmp_path)
    assert find_repository({}, git) is None
    run("init", "--quiet")
    assert find_repository({}, git) is None
    run("remote", "add", "origin", "https://user:secret@github.com/someone/course.git")
    found = find_repository({}, git)
    assert found is not None
    assert found.url == "https://github.com/someone/course"
    (tmp_path / "inner").mkdir()
    assert find_repository({}, course.git_in(tmp_path / "inner")) is None
    assert find_repository({}, course.git_in(tmp_path / "not there")) is None


def test_no_repository_no_buttons():
    options = theme_options(None)
    assert options["repository_url"] == ""
    assert not options["launch_buttons"]
    assert not any(value for key, value in options.items() if key.startswith("use_"))


def test_buttons_on_github():
    options = theme_options(Repository(*GITHUB, branch="main"))
    assert options["repository_url"] == "https://github.com/someone/course"
    assert options["launch_buttons"]["binderhub_url"] == "https://mybinder.org"
    assert options["launch_buttons"]["colab_url"].startswith("https://colab.")
    assert options["use_edit_page_button"]


@pytest.mark.parametrize(
    ("repository", "issues"),
    [
        (Repository("gitlab", "https://gitlab.com", "a/b", "main"), True),
        (Repository("bitbucket", "https://bitbucket.org", "a/b", "main"), False),
        (Repository("github", "https://github.example.org", "a/b", "main"), True),
    ],
)
def test_binder_and_colab_only_where_they_can_reach(repository, issues):
    options = theme_options(repository)
    assert options["launch_buttons"] == {}
    assert options["use_issues_button"] is issues


def test_binder_and_colab_links():
    repository = Repository(*GITHUB, branch="topic/two")
    assert repository.binder() == "https://mybinder.org/v2/gh/someone/course/topic%2Ftwo?urlpath=lab"
    assert repository.colab("book/a.ipynb").endswith("/github/someone/course/blob/topic/two/book/a.ipynb")
    assert repository.name == "course"


def test_the_address_of_the_site():
    assert site_options({}) == {"html_baseurl": "", "ogp_site_url": "", "notfound_urls_prefix": "/"}
    options = site_options({"LSTMLAB_SITE_URL": "https://example.org/course"})
    assert options == {
        "html_baseurl": "https://example.org/course/",
        "ogp_site_url": "https://example.org/course/",
        "notfound_urls_prefix": "/course/",
    }
    assert site_options({"LSTMLAB_SITE_URL": "https://example.org/"})["notfound_urls_prefix"] == "/"
    with pytest.raises(ConfigError, match=r"LSTMLAB_SITE_URL: expected .* got 'example.org'"):
        site_options({"LSTMLAB_SITE_URL": "example.org"})


def test_scripts_are_loaded_once_and_none_of_thebe():
    class Script:
        def __init__(self, filename=None, body=None):
            self.filename, self.attributes = filename, {"body": body}

    scripts = [
        Script(body="const THEBE_JS_URL = 1"),
        Script("a.js"),
        Script("a.js"),
        Script("thebe.js"),
        "b.js",
    ]
    kept = [getattr(script, "filename", script) for script in wanted_scripts(scripts)]
    assert kept == ["a.js", "b.js"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<p>x</p><script type="text/x-thebe-config">\n{repo: "y"}\n</script>', "<p>x</p>"),
        ("<script>kernelName = 'python3'</script>", ""),
        ('<div class="citation" id="a" role="doc-biblioentry">', '<div class="citation" id="a">'),
        (
            '<th class="head"><p></p></th><th class="head"><p>x</p></th>',
            '<td></td><th class="head"><p>x</p></th>',
        ),
    ],
)
def test_repairs_of_the_body(before, after):
    for pattern, replacement in course.BODY_REPAIRS:
        before = pattern.sub(replacement, before)
    assert before == after


PAGE = """\
# Page

:::{if-repository} known
clone @URL@ into @NAME@
:::
:::{if-repository} unknown
no address
:::
:::{if-repository} github
[Binder](@BINDER@)
:::
:::{if-repository} not-github
no Binder
:::
"""


@pytest.mark.parametrize(
    ("remote", "shown", "hidden"),
    [
        (None, ["no address", "no Binder"], ["clone", "mybinder"]),
        (
            "git@github.com:someone/course.git",
            [
                "clone https://github.com/someone/course into course",
                "https://mybinder.org/v2/gh/someone/course/main",
            ],
            ["no address", "no Binder", "@"],
        ),
        (
            "git@gitlab.com:someone/course.git",
            ["clone https://gitlab.com/someone/course into course", "no Binder"],
            ["no address", "mybinder"],
        ),
    ],
    ids=["no remote", "GitHub", "GitLab"],
)
def test_pages_show_the_true_address_or_none(tmp_path, monkeypatch, remote, shown, hidden):
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "LSTMLAB_SITE_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "index.md").write_text(PAGE, encoding="utf8")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    if remote:
        subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", remote], check=True)
    settings = {
        "extensions": ["myst_parser", "course"],
        "myst_enable_extensions": ["colon_fence"],
        "html_theme": "basic",
        "ogp_social_cards": {"enable": False},
    }
    out = tmp_path / "out"
    with patch_docutils(), docutils_namespace():
        app = Sphinx(tmp_path, None, out, out / "doctrees", "html", settings, status=None)
        app.build()
    text = (out / "index.html").read_text(encoding="utf8")
    body = text[text.index("<body") :]
    assert all(words in body for words in shown), body
    assert not any(words in body for words in hidden), body


def test_the_api_pages_list_every_module_a_reader_may_use_once():
    root = Path(__file__).parents[2]
    pages = [path.read_text(encoding="utf8") for path in sorted((root / "book" / "api").glob("*.md"))]
    internal = {"lstmlab", "lstmlab.__main__", "lstmlab.arguments", "lstmlab.checks", "lstmlab.diagnostics"}
    modules = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for path in (root / "lstmlab").rglob("*.py")
    }
    lines = [line for page in pages for line in page.splitlines()]
    listed = [line.split()[-1] for line in lines if line.startswith(".. automodule::")]
    assert sorted(listed) == sorted(modules - internal)
