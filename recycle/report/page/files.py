"""The part of the page that says where everything lies, and how to take it elsewhere."""

from recycle.report.exports import DataTable
from recycle.report.page.blocks import Section, Table
from recycle.report.page.contents import ReportContents

FILES = (
    ("recipe.yaml", "the recipe, every default spelled out"),
    ("results.json", "all scores; equal for equal recipes, data and seeds"),
    ("fusion.json", "how the ensemble was found, and what it is worth"),
    ("submission.csv", "the ensemble's predictions of the test images"),
    ("data/train.json, data/test.json, data/folds.json", "both parts after repairs, as COCO, and the folds"),
    ("data/validation.txt", "everything that the validator found"),
    ("round0/members/", "checkpoints and logs of each member"),
    ("round0/predictions/", "predictions of each member and of the ensemble: boxes as Parquet, pixels as NumPy files"),
    ("round1/, round2/, ...", "the same of each round of pseudo labels, with the labels and what the gate decided"),
    ("pictures/", "images with what was found, and figures of the ensemble, as JPEG and PNG"),
    ("attempts.jsonl, timing.json", "when and where everything ran"),
)


def files(contents: ReportContents) -> Section:
    """The files of the run, and exports."""
    lead = (
        "Below each table and figure are buttons that save it, as CSV or as PNG and SVG. For all tables at once, and "
        "for the data set with all predictions as FiftyOne reads them: "
        f"python jobs/report.py {contents.name} --export FOLDER"
    )
    table = DataTable("files", "Files of the run folder", ("file", "holds"), FILES)
    return Section("files", "Files and exports", lead, (Table(table),))
