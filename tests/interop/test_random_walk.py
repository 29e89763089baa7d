"""An archive that changes at random, built after every step: what stands then is what a build from nothing makes."""

import json
import os
import random
import shutil

from program import Project, snapshot

FULL = os.environ.get("ALTOSTAC_FULL") == "1"


def standing(project):
    """Every record and product, without what tells when and in which revision they were made."""
    found = {}
    for item_id, item in project.items.items():
        text = json.dumps(item).replace(f"/r{revision(item)}/", "/rN/")
        item = json.loads(text)
        for key in ("created", "updated"):
            del item["properties"][key]
        del item["assets"]["report"]
        found[item_id] = (item, json.loads(project.kerchunk(item_id).read_text()))
    collection = project.collection
    found["collection"] = {key: collection[key] for key in ("title", "extent", "summaries")} | {
        "links": sorted(link["href"] for link in collection["links"])}
    return found


def revision(item):
    return item["assets"]["reference_file"]["href"].split("/r")[-1].split("/")[0]


class Walk:
    """Steps that an archive, its recipe and its output take."""

    def __init__(self, project, seed):
        self.project, self.random = project, random.Random(seed)
        self.store = project.folder / "taken-out"
        self.archive = project.folder / "archive"

    def files(self):
        return sorted(self.archive.rglob("*.nc"))

    def take_out(self):
        victim = self.random.choice(self.files())
        if len(list(victim.parent.glob("*.nc"))) > 1:
            target = self.store / victim.relative_to(self.archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(victim, target)

    def put_back(self):
        taken = sorted(self.store.rglob("*.nc"))
        if taken:
            source = self.random.choice(taken)
            target = self.archive / source.relative_to(self.store)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(source, target)

    def touch(self):
        os.utime(self.random.choice(self.files()))

    def rewrite(self):
        path = self.random.choice(self.files())
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)

    def lose_output(self):
        found = [path for path in (self.project.folder / "published").rglob("*.json") if path.parent.name == "items"
                 or path.name == "kerchunk.json"]
        self.random.choice(sorted(found)).unlink()

    def another_title(self):
        recipe = self.project.recipe
        recipe["collection"]["title"] = f"title {self.random.randrange(4)}"
        self.project.write(recipe)

    def an_item_goes(self):
        items = sorted({path.parent for path in self.files()})
        if len(items) > 2:
            folder = self.random.choice(items)
            for path in folder.glob("*.nc"):
                target = self.store / path.relative_to(self.archive)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(path, target)

    def step(self):
        for _ in range(self.random.randint(1, 3)):
            step = self.random.choice([self.take_out, self.put_back, self.put_back, self.touch, self.rewrite, self.lose_output,
                                       self.another_title, self.an_item_goes])
            step()
            yield step.__name__


def test_every_step_ends_where_a_build_from_nothing_does(tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    project.build()
    walk = Walk(project, seed=int(os.environ.get("ALTOSTAC_SEED", "1")))
    said = []
    for _ in range(150 if FULL else 10):
        said.append(list(walk.step()))
        project.build()
        before = snapshot(project.folder / "published", project.folder / ".altostac")
        assert {item["status"] for item in project.build().values()} <= {"unchanged"}, said
        assert snapshot(project.folder / "published", project.folder / ".altostac") == before, said
        now = standing(project)
        # The same archive in the same place, with nothing remembered.
        aside = tmp_path / "aside"
        (project.folder / "published").rename(aside)
        project.run("build", "--state", tmp_path / "state", "--json").expect(0)
        assert standing(project) == now, said
        shutil.rmtree(project.folder / "published")
        shutil.rmtree(tmp_path / "state")
        aside.rename(project.folder / "published")
    project.run("verify", "--every-value", "--json").expect(0)
