"""The part of the page that shows what the ensemble finds on test images."""

from recycle.report.page.blocks import Photographs, Section
from recycle.report.page.contents import ReportContents


def pictures(contents: ReportContents) -> Section:
    """Test images with what was found on them."""
    photographs = contents.pictures.test
    if not photographs:
        reason = contents.pictures.remark or "There is no ensemble yet whose detections could be shown on test images."
        return Section("pictures", "Pictures", reason)
    known = "beside what there is" if len(photographs[0].panes) > 1 else "whose objects are not known"
    lead = f"{len(photographs)} test images, evenly spread over all of them, with what the ensemble found, {known}."
    return Section("pictures", "Pictures", lead, (Photographs("Test images", photographs),))
